import { HyperswapError } from '@hyperswap/errors';

/** Attempts with an error that a retry may mend, at a job or a part, before the job fails. */
const maximumFailures = 5;
/** Times that a job or a part may lose its worker before the job fails: what it asks for may be what ends processes. */
export const maximumLosses = 10;

const firstPauseMilliseconds = 1_000;
const longestPauseMilliseconds = 60_000;

/** What becomes of an attempt that threw: `return` and `retry` put the item back, only `retry` counts. */
export type Verdict =
  { readonly verdict: 'return' | 'retry'; readonly delayMilliseconds: number } | { readonly verdict: 'fail' };

/**
 * Judges an error.
 *
 * @param failures attempts before this one that count
 */
export function judge(error: HyperswapError, failures: number): Verdict {
  const { retryable, retryAfterMilliseconds } = error;
  // Says something of a process now, nothing of the job.
  if (HyperswapError.is(error, 'QUEUE_FULL', 'DRAINING')) {
    return { verdict: 'return', delayMilliseconds: jittered(retryAfterMilliseconds) };
  }
  if (!retryable || failures + 1 >= maximumFailures) return { verdict: 'fail' };
  const pause = Math.max(retryAfterMilliseconds, firstPauseMilliseconds * 2 ** failures);
  return { verdict: 'retry', delayMilliseconds: jittered(Math.min(longestPauseMilliseconds, pause)) };
}

/** A pause between half and one and a half of what is given: many that wait do not come back at once. */
export function jittered(milliseconds: number): number {
  return Math.round(milliseconds * (0.5 + Math.random()));
}
