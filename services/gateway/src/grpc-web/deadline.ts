import { failure } from '@hyperswap/errors';

/** Milliseconds of gRPC's units of time. */
const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds for a call that names no deadline and is answered once. */
const unaryMilliseconds = 60_000;

/**
 * Returns the milliseconds that a call may take; undefined for no limit.
 *
 * @param header `grpc-timeout`, for example `30S`
 * @throws HTTP_INVALID
 */
export function timeoutOf(header: string | undefined, answersStream: boolean): number | undefined {
  if (header === undefined) return answersStream ? undefined : unaryMilliseconds;
  const found = /^(\d{1,8})([HMSmun])$/.exec(header);
  if (found === null)
    throw failure('HTTP_INVALID', { reason: 'grpc-timeout is not a number of up to 8 digits with a unit' });
  return Number(found[1]) * units[found[2]!]!;
}
