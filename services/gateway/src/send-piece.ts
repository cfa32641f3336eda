import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { failure } from '@hyperswap/errors';

/** Milliseconds that a client may leave a response unread. */
const stallMilliseconds = 60_000;

/**
 * Sends bytes, and waits until the client has taken most of what was sent before.
 *
 * @throws CANCELLED when the client has left; DEADLINE when it takes nothing for a minute
 */
export async function sendPiece(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  if (response.destroyed || response.writableEnded) throw failure('CANCELLED', { what: 'The request' });
  if (response.write(bytes)) return;
  const signal = AbortSignal.timeout(stallMilliseconds);
  const end = new AbortController();
  const either = AbortSignal.any([signal, end.signal]);
  const leave = (): void => end.abort();
  response.once('close', leave);
  try {
    await once(response, 'drain', { signal: either });
  } catch {
    response.destroy();
    throw signal.aborted
      ? failure('DEADLINE', { what: 'Reading the response' })
      : failure('CANCELLED', { what: 'The request' });
  } finally {
    response.off('close', leave);
  }
}
