/** Catalogued errors as gRPC statuses and back: the code and its retryability travel as metadata beside status and sentence. */
import { Metadata, status as grpcCodes, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { failure, HyperswapError, isErrorCode, restoreError, toHyperswapError } from '@hyperswap/errors';

const codeKey = 'hyperswap-code';
const retryableKey = 'hyperswap-retryable';

export function toStatus(thrown: unknown): Partial<StatusObject> {
  const error = toHyperswapError(thrown);
  const metadata = new Metadata();
  metadata.set(codeKey, error.code);
  metadata.set(retryableKey, String(error.retryable));
  return { code: grpcCodes[error.status], details: error.message, metadata };
}

/**
 * The catalogued error that a failed call stands for.
 *
 * @param endpoint named when nobody answered there
 */
export function fromServiceError(thrown: unknown, endpoint: string): HyperswapError {
  if (thrown instanceof HyperswapError) return thrown;
  if (!isServiceError(thrown)) return toHyperswapError(thrown);
  const code = thrown.metadata.get(codeKey)[0]?.toString() ?? '';
  if (isErrorCode(code)) return restoreError({ code, message: thrown.details }, thrown);
  switch (thrown.code) {
    case grpcCodes.UNAVAILABLE:
      return failure('SERVICE_UNREACHABLE', { endpoint, reason: thrown.details }, thrown);
    case grpcCodes.DEADLINE_EXCEEDED:
      return failure('DEADLINE', { what: 'The call' }, thrown);
    case grpcCodes.CANCELLED:
      return failure('CANCELLED', { what: 'The call' }, thrown);
    case grpcCodes.RESOURCE_EXHAUSTED:
      return failure('FIELD_INVALID', { field: 'message', reason: thrown.details }, thrown);
    default:
      return failure('INTERNAL', { reason: thrown.details }, thrown);
  }
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && 'code' in thrown && 'metadata' in thrown && 'details' in thrown;
}
