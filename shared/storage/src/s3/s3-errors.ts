import { failure, HyperswapError } from '@hyperswap/errors';
import { S3Error } from 'minio';

/** Codes of answers that report a temporary state of the server. */
const passing = new Set([
  'SlowDown',
  'ServiceUnavailable',
  'InternalError',
  'RequestTimeout',
  'XMinioServerNotInitialized',
]);

/** Returns true if the same request can succeed later: no answer came, or one that says so. */
export function isPassing(error: unknown): boolean {
  if (error instanceof HyperswapError) return false;
  if (error instanceof S3Error) return passing.has(codeOf(error));
  const code = (error as NodeJS.ErrnoException).code;
  // Errors of the file system are the caller's; those of sockets, and answers that broke off, have other codes or none.
  return code === undefined || !['ENOENT', 'EACCES', 'EISDIR', 'ENOSPC'].includes(code);
}

/** The catalogued error of what the client threw. */
export function translate(key: string, cause: unknown): Error {
  if (cause instanceof HyperswapError) return cause;
  if (!(cause instanceof S3Error)) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOSPC') return failure('STORE_FULL', { key }, cause);
    return failure('STORE_UNREACHABLE', { reason: `${code ?? ''} ${message}`.trim() }, cause);
  }
  const code = codeOf(cause);
  switch (code) {
    case 'NoSuchKey':
    case 'NotFound':
      return failure('OBJECT_NOT_FOUND', { key }, cause);
    case 'PreconditionFailed':
      return failure('OBJECT_EXISTS', { key }, cause);
    case 'XMinioStorageFull':
    case 'QuotaExceeded':
      return failure('STORE_FULL', { key }, cause);
    case 'AccessDenied':
    case 'InvalidAccessKeyId':
    case 'SignatureDoesNotMatch':
      return failure('STORE_REFUSED', { key, reason: code }, cause);
    case 'RequestTimeTooSkewed':
      return failure('STORE_CLOCK', {}, cause);
    default:
      return failure('STORE_UNREACHABLE', { reason: `${code}: ${cause.message}` }, cause);
  }
}

function codeOf(error: S3Error): string {
  return (error as { code?: string }).code ?? 'unknown';
}
