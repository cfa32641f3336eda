import type { ServiceDefinition } from '@grpc/grpc-js';
import { failure, type HyperswapError } from '@hyperswap/errors';

/**
 * A request whose bytes are not a message of its method's type. The handlers of this package answer it with its error.
 */
export class UndecodableRequest {
  constructor(readonly error: HyperswapError) {}
}

/**
 * Returns a service definition whose methods receive an {@link UndecodableRequest} for bytes that cannot be decoded.
 * gRPC itself would answer INTERNAL, as if the service were at fault.
 */
export function withUndecodableRequests(definition: ServiceDefinition): ServiceDefinition {
  const wrapped = Object.entries(definition).map(([name, method]) => {
    const requestDeserialize = (bytes: Buffer): unknown => {
      try {
        return method.requestDeserialize(bytes);
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        return new UndecodableRequest(failure('MESSAGE_INVALID', { method: method.path, reason }, cause));
      }
    };
    return [name, { ...method, requestDeserialize }];
  });
  return Object.fromEntries(wrapped) as ServiceDefinition;
}
