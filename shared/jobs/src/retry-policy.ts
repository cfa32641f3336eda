import { HyperswapError } from '@hyperswap/errors';

/** Attempts with an error that a retry may mend, at a job or a part, before the job fails. */
const maximumFailures = 5;
/** Times that a job or a part may lose its worker before the job fails: what it asks for may be what ends processes. */
export const maximumLosses = 10;

/** Errors that say something of a process at this time, and nothing of the job: another process may do it at once. */
const errorsOfProcesses = ['QUEUE_FULL', 'DRAINING', 'STORE_CLOCK', 'ENGINE_STOPPED'] as const;
const firstPauseMilliseconds = 1_000;

/** Decision on an attempt that threw: `return` and `retry` put the item back, only `retry` counts. */
export interface Verdict {
  readonly verdict: 'return' | 'retry' | 'fail';
  /** Time that the item waits before another attempt. */
  readonly delayMilliseconds: number;
  /** Time that the worker rests, so that a process that can do nothing leaves its work to others. */
  readonly restMilliseconds: number;
}

/**
 * Judges an error.
 *
 * @param failures attempts before this one that count
 * @param longestPauseMilliseconds before another attempt that counts
 */
export function judge(error: HyperswapError, failures: number, longestPauseMilliseconds: number): Verdict {
  const { retryable } = error;
  // An error of another version may not tell the time.
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

/** Returns a pause between half and one and a half of what is given: many that wait do not come back at once. */
export function jittered(milliseconds: number): number {
  return Math.round(milliseconds * (0.5 + Math.random()));
}
