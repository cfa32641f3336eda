import {
  ResponderBuilder,
  ServerInterceptingCall,
  ServerListenerBuilder,
  type Metadata,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import { failure } from '@hyperswap/errors';
import type { TokenVerifier } from '@hyperswap/keys';
import { healthPath } from './health.js';
import { allows, type Role } from './roles.js';
import { toStatus } from './status.js';

/**
 * Makes an interceptor that lets a call through when its bearer token allows it, and removes the token. Methods without
 * a role, such as reflection, need the role reader.
 *
 * @param roleOf role that a method needs, by its path, for example `/hyperswap.v1.TrainingService/StartTraining`
 */
export function authorization(verifier: TokenVerifier, roleOf: (path: string) => Role | undefined): ServerInterceptor {
  const check = async (path: string, metadata: Metadata): Promise<void> => {
    // Health probes carry no token.
    if (path.startsWith(healthPath)) return;
    const method = path.slice(path.lastIndexOf('/') + 1);
    const given = metadata.get('authorization')[0]?.toString() ?? '';
    metadata.remove('authorization');
    const token = /^Bearer +(\S+)$/i.exec(given)?.[1];
    if (token === undefined) throw failure('TOKEN_MISSING', { method });
    const roles = await verifier.verify(token);
    const role = roleOf(path) ?? 'reader';
    if (!allows(roles, role)) throw failure('ROLE_MISSING', { method, role, held: roles.join(', ') || 'none' });
  };
  return ({ path }, call) => {
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        check(path, metadata).then(
          () => next(metadata),
          (error: unknown) => {
            call.sendStatus(toStatus(error));
          },
        );
      })
      .build();
    const responder = new ResponderBuilder().withStart((next) => next(listener)).build();
    return new ServerInterceptingCall(call, responder);
  };
}
