import { failure } from '@hyperswap/errors';
import { connect, ErrorCode, NatsError, type NatsConnection } from 'nats';
import pRetry from 'p-retry';

/**
 * Time for which a request is retried while the server does not answer, in milliseconds, so that a restart causes no
 * errors.
 */
const patienceMilliseconds = 30_000;

/** For `tls:`, PEM of the authorities to trust instead of those that Node does, and of who this process is. */
export interface NatsSecurity {
  readonly trusted?: string;
  readonly identity?: { readonly certificate: string; readonly key: string };
}

/**
 * Connects, and reconnects after a lost connection, with exponential backoff and jitter, without limit.
 *
 * @param url `nats://[user:password@]host:port`, or `tls://` to insist on TLS; several separated by commas
 * @throws BUS_UNREACHABLE when the first connection fails
 */
export async function connectToNats(url: string, { trusted, identity }: NatsSecurity): Promise<NatsConnection> {
  const servers = url.split(',').map((server) => new URL(server.trim()));
  const { username, password } = servers[0]!;
  const isGuarded = servers.some(({ protocol }) => protocol === 'tls:');
  try {
    return await connect({
      servers: servers.map(({ host }) => host),
      user: username === '' ? undefined : decodeURIComponent(username),
      pass: password === '' ? undefined : decodeURIComponent(password),
      tls: isGuarded ? { ca: trusted, cert: identity?.certificate, key: identity?.key } : undefined,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      reconnectJitter: 500,
      pingInterval: 5_000,
      maxPingOut: 2,
      timeout: 5_000,
    });
  } catch (cause) {
    throw failure('BUS_UNREACHABLE', { reason: (cause as Error).message }, cause);
  }
}

/**
 * Retries a request while the server does not answer.
 *
 * @throws BUS_UNREACHABLE, and errors for which `isFinal` returns true
 */
export async function repeatOnBus<Result>(
  request: () => Promise<Result>,
  isFinal: (error: unknown) => boolean = () => false,
): Promise<Result> {
  try {
    return await pRetry(request, {
      retries: 40,
      minTimeout: 100,
      maxTimeout: 1000,
      maxRetryTime: patienceMilliseconds,
      randomize: true,
      shouldRetry: ({ error }) => !isFinal(error) && isPassing(error),
    });
  } catch (cause) {
    if (isFinal(cause)) throw cause;
    throw failure('BUS_UNREACHABLE', { reason: (cause as Error).message }, cause);
  }
}

/**
 * Error code of JetStream for a missing stream: a server that lost its data has no stream until it is created again.
 */
const streamNotFound = 10_059;

/** Returns true if the same request can succeed later: no answer came, or one about the server's state. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof NatsError) || error.code === (ErrorCode.ConnectionClosed as string)) return false;
  const answer = error.api_error;
  return answer === undefined || answer.code >= 500 || answer.err_code === streamNotFound;
}
