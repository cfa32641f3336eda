import { failure } from '@hyperswap/errors';

/** Returns the code of an error of the file system; empty for others. */
export function codeOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? '';
}

/** Returns the error of a file of the bus that could not be read or written. @param key named when the disk is full */
export function diskFailure(key: string, cause: unknown): Error {
  if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes(codeOf(cause))) return failure('STORE_FULL', { key }, cause);
  return failure('STORE_UNREACHABLE', { reason: (cause as Error).message }, cause);
}
