import { throwIfAborted } from '@hyperswap/errors';

/**
 * Waits for a promise, at most until a signal is aborted.
 *
 * @param what for the error's text
 * @throws CANCELLED, DEADLINE as soon as the signal is aborted
 */
export async function orAborted<Value>(
  promise: Promise<Value>,
  signal: AbortSignal | undefined,
  what: string,
): Promise<Value> {
  if (signal === undefined) return promise;
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } catch (error) {
    throwIfAborted(signal, what);
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
