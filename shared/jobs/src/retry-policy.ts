import { HyperswapError } from '@hyperswap/errors';

/** Maximum number of failed attempts at a job or a part with an error that a retry may fix. */
const maximumFailures = 5;
/** Maximum number of lost workers of a job or a part: the job itself may crash its workers. */
export const maximumLosses = 10;

/** Errors of a process at this time, not of the job. Another process may run the job at once. */
const errorsOfProcesses = ['QUEUE_FULL', 'DRAINING', 'STORE_CLOCK', 'ENGINE_STOPPED'] as const;
const firstPauseMilliseconds = 1_000;

/** Decision about a failed attempt: `return` and `retry` both requeue the item; only `retry` counts as an attempt. */
export interface Verdict {
  readonly verdict: 'return' | 'retry' | 'fail';
  /** Delay before the next attempt at the item. */
  readonly delayMilliseconds: number;
  /** Delay of the worker, so that a process that cannot work leaves items to others. */
  readonly restMilliseconds: number;
}

/**
 * Decides what follows an error.
 *
 * @param failures attempts before this one that count
 * @param longestPauseMilliseconds before another attempt that counts
 */
export function judge(error: HyperswapError, failures: number, longestPauseMilliseconds: number): Verdict {
  const { retryable } = error;
  // An error of another version may have no retry delay.
  const retryAfterMilliseconds = error.retryAfterMilliseconds || 0;
  const rest = jittered(firstPauseMilliseconds);
  if (HyperswapError.is(error, ...errorsOfProcesses)) {
    const restMilliseconds = Math.max(rest, retryAfterMilliseconds);
    return { verdict: 'return', delayMilliseconds: jittered(firstPauseMilliseconds), restMilliseconds };
  }
  if (!retryable || failures + 1 >= maximumFailures) {
    return { verdict: 'fail', delayMilliseconds: 0, restMilliseconds: rest };
  }
  const pause = Math.max(retryAfterMilliseconds, firstPauseMilliseconds * 2 ** failures);
  const delayMilliseconds = jittered(Math.min(longestPauseMilliseconds, pause));
  return { verdict: 'retry', delayMilliseconds, restMilliseconds: rest };
}

/**
 * Returns a delay between 0.5 and 1.5 times the given one (jitter), so that many waiting callers do not return at once.
 */
export function jittered(milliseconds: number): number {
  return Math.round(milliseconds * (0.5 + Math.random()));
}
