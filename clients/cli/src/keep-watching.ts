/**
 * Watching of long work that does not depend on the connection. Pods and load balancers may close the connection before
 * the work ends.
 */
import { HyperswapError } from '@hyperswap/errors';
import pRetry from 'p-retry';

/** Timeout without any answer, in milliseconds. */
export const patienceMilliseconds = 120_000;

/** Returns true if a call ended because its connection did. */
export function isCutOff(error: unknown): boolean {
  return HyperswapError.is(error, 'SERVICE_UNREACHABLE', 'DRAINING');
}

/**
 * Watches to the end, and reconnects after a lost connection to any process that answers.
 *
 * @param watch watches once; it calls `heard` for each message
 * @throws the error of the watched work, and SERVICE_UNREACHABLE when no process has answered for two minutes
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
      // A watch that lasted longer than the timeout was connected, even if it received no message.
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
