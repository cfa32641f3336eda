/** Small messages that several services share, and the values they stand for. */
import { restoreError, shortenError, toHyperswapError, type HyperswapError } from '@hyperswap/errors';
import type { Duration, ErrorStatus } from '@hyperswap/proto';

/** Returns a duration as it travels. @param milliseconds at least 0 */
export function toDuration(milliseconds: number): Duration {
  const whole = Math.max(0, milliseconds);
  const seconds = Math.floor(whole / 1000);
  return { seconds, nanos: Math.round((whole - 1000 * seconds) * 1e6) };
}

/** Returns the milliseconds of a duration; 0 when it is absent. */
export function toMilliseconds(duration: Duration | undefined): number {
  return duration === undefined ? 0 : 1000 * duration.seconds + duration.nanos / 1e6;
}

/** Returns the details of an error as text. */
export function detailTexts({ details }: HyperswapError): Record<string, string> {
  return Object.fromEntries(Object.entries(details).map(([name, value]) => [name, String(value)]));
}

/** Returns an error of a part of a call as it travels. */
export function toErrorStatus(thrown: unknown): ErrorStatus {
  const error = shortenError(toHyperswapError(thrown));
  const { code, message, retryAfterMilliseconds } = error;
  return {
    code,
    message,
    details: detailTexts(error),
    retryAfter: retryAfterMilliseconds > 0 ? toDuration(retryAfterMilliseconds) : undefined,
  };
}

/** Returns the error that travelled as a part of a call. */
export function fromErrorStatus({ code, message, details }: ErrorStatus): HyperswapError {
  return restoreError({ code, message, details });
}
