/** Following what goes on without whoever watches it: its end is not that of the connection, which pods and balancers cut off. */
import { HyperswapError } from '@hyperswap/errors';
import pRetry from 'p-retry';

/** Time without an answer after which a client gives up, in milliseconds. */
export const patienceMilliseconds = 120_000;

/** Returns true if a call ended because its connection did. */
export function isCutOff(error: unknown): boolean {
  return HyperswapError.is(error, 'SERVICE_UNREACHABLE', 'DRAINING');
}

/**
 * Watches to the end, anew whenever the connection is cut off, on whatever process answers then.
 *
 * @param watch watches once; it calls `heard` when it is told something
 * @throws what is watched failed with, and SERVICE_UNREACHABLE when nobody has answered for two minutes
 */
export function keepWatching<Result>(
  watch: (heard: () => void) => Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  let lastAnswer = performance.now();
  const heard = (): void => {
    lastAnswer = performance.now();
  };
  const attempt = async (): Promise<Result> => {
    const start = performance.now();
    try {
      return await watch(heard);
    } catch (error) {
      // What could be watched for longer than patience lasts was connected, though nothing may have been told.
      if (performance.now() - start > patienceMilliseconds) heard();
      throw error;
    }
  };
  return pRetry(attempt, {
    retries: Infinity,
    minTimeout: 200,
    maxTimeout: 5_000,
    randomize: true,
    signal,
    shouldRetry: ({ error }) => isCutOff(error) && performance.now() - lastAnswer < patienceMilliseconds,
  });
}
