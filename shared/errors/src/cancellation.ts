import { failure, HyperswapError } from './hyperswap-error.js';

/**
 * Stops a loop whose caller has gone: call it once a turn.
 *
 * @throws CANCELLED, or the catalogued error the signal was aborted with (a deadline, say)
 */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (!signal?.aborted) return;
  if (signal.reason instanceof HyperswapError) throw signal.reason;
  throw failure('CANCELLED', { what });
}
