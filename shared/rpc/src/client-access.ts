/** Credentials of a client, and the certificates that it trusts. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { credentials, InterceptingCall, type ChannelCredentials, type Interceptor } from '@grpc/grpc-js';
import { failure } from '@hyperswap/errors';
import { toStatus } from './status.js';

export interface ClientAccess {
  /** PEM of the authorities to trust instead of Node's; enables TLS. */
  readonly trusted?: string;
  /** PEM with the client's certificate and key, for services that require one. */
  readonly identity?: { readonly certificate: string; readonly key: string };
  /** Name that the service's certificate holds, where the endpoint is another one. */
  readonly serverName?: string;
  /** File with the bearer token; read for every call, so that it can be renewed. */
  readonly tokenFile?: string;
}

/**
 * Returns the credentials that the settings give a process for services elsewhere; an empty token file means no token.
 */
export function clientAccess({
  tokenFile,
  trusted,
  identity,
}: Pick<ClientAccess, 'trusted' | 'identity'> & { readonly tokenFile: string }): ClientAccess {
  return {
    ...(trusted === undefined ? {} : { trusted }),
    ...(identity === undefined ? {} : { identity }),
    ...(tokenFile === '' ? {} : { tokenFile }),
  };
}

/**
 * Returns the access of a process to its own port. The address that it uses, `127.0.0.1` for example, may not be in its
 * certificate, so the certificate's first DNS name is expected instead.
 */
export function accessToSelf(settings: Parameters<typeof clientAccess>[0]): ClientAccess {
  const access = clientAccess(settings);
  if (settings.identity === undefined) return access;
  const { subjectAltName = '' } = new X509Certificate(settings.identity.certificate);
  const serverName = /DNS:([^,]+)/.exec(subjectAltName)?.[1]?.replace('*', 'self');
  return { ...access, ...(serverName === undefined ? {} : { serverName }) };
}

/** TLS where authorities are named or the endpoint begins with `https://`. */
export function channelCredentials(endpoint: string, { trusted, identity }: ClientAccess): ChannelCredentials {
  if (trusted === undefined && !endpoint.startsWith('https://')) return credentials.createInsecure();
  const own = identity === undefined ? [] : [Buffer.from(identity.key), Buffer.from(identity.certificate)];
  return credentials.createSsl(trusted === undefined ? null : Buffer.from(trusted), ...own);
}

/** Adds the token of a file to every call. */
export function withToken(file: string): Interceptor {
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, listener, next) => {
        readToken(file).then(
          (token) => {
            metadata.set('authorization', `Bearer ${token}`);
            next(metadata, listener);
          },
          (error: unknown) => {
            listener.onReceiveStatus(toStatus(error));
          },
        );
      },
    });
}

/** @throws FILE_UNREADABLE, FILE_FORMAT */
async function readToken(file: string): Promise<string> {
  const content = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw failure('FILE_UNREADABLE', { file, reason: (cause as NodeJS.ErrnoException).code ?? 'unknown' }, cause);
  });
  const token = content.trim();
  if (/^[\w.~+/=-]+$/.test(token)) return token;
  throw failure('FILE_FORMAT', { file, expected: 'token', reason: 'it holds something else' });
}
