/** Errors of the catalogue as gRPC statuses and back. */
import { Metadata, status as grpcCodes, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import {
  failure,
  HyperswapError,
  isErrorCode,
  restoreError,
  serviceError,
  shortenError,
  toHyperswapError,
} from '@hyperswap/errors';
import { decodeDetails, encodeDetails } from './error-details.js';

/** Metadata key of a `google.rpc.Status`, by gRPC's convention. */
const detailsKey = 'grpc-status-details-bin';
/** HTTP/2 clients accept headers of 8 KiB by default; the rest is for the status code and other standard fields. */
const trailerBytes = 8 * 1024 - 512;
/** Bytes that HTTP/2 counts for each field beside its name and value (RFC 9113, section 6.5.2). */
const fieldOverhead = 32;

/** Returns any thrown value as the status of a call, with a trailer below 8 KiB. */
export function toStatus(thrown: unknown): StatusObject {
  const error = toHyperswapError(thrown);
  let status = statusOf(shortenError(error));
  // Characters can take four bytes each, and twelve when they are percent-encoded.
  for (const limit of [100, 50, 25]) {
    if (trailerSize(status) <= trailerBytes) break;
    status = statusOf(shortenError(error, limit));
  }
  return status;
}

function statusOf(error: HyperswapError): StatusObject {
  const code = grpcCodes[error.status];
  const metadata = new Metadata();
  metadata.set(detailsKey, encodeDetails(error, code));
  return { code, details: error.message, metadata };
}

function trailerSize({ details, metadata }: StatusObject): number {
  const encoded = metadata.getMap()[detailsKey]!;
  const base64Bytes = 4 * Math.ceil(encoded.length / 3);
  return 'grpc-message'.length + encodeURI(details).length + detailsKey.length + base64Bytes + 2 * fieldOverhead;
}

/**
 * Returns the error of the catalogue that a failed call stands for, with its details. A code of a newer service and the
 * status of another program, such as a proxy, become SERVICE_ERROR, which keeps them readable.
 *
 * @param endpoint named when nothing answered there
 */
export function fromServiceError(thrown: unknown, endpoint: string): HyperswapError {
  if (thrown instanceof HyperswapError) return thrown;
  if (!isServiceError(thrown)) return toHyperswapError(thrown);
  const { code: grpcCode, details: message, metadata } = thrown;
  const status = grpcCodes[grpcCode in grpcCodes ? grpcCode : grpcCodes.UNKNOWN];
  const bytes = metadata.get(detailsKey)[0];
  const received = bytes instanceof Buffer ? decodeDetails(bytes) : undefined;
  if (received !== undefined) {
    const { code, details, retryAfterMilliseconds } = received;
    if (isErrorCode(code)) return restoreError({ code, message, details }, thrown);
    return serviceError({ code, status, message, retryAfterMilliseconds }, thrown);
  }
  switch (grpcCode) {
    case grpcCodes.UNAVAILABLE:
      return failure('SERVICE_UNREACHABLE', { endpoint, reason: message }, thrown);
    case grpcCodes.DEADLINE_EXCEEDED:
      return failure('DEADLINE', { what: 'The call' }, thrown);
    case grpcCodes.CANCELLED:
      return failure('CANCELLED', { what: 'The call' }, thrown);
    default:
      return serviceError({ code: status, status, message, retryAfterMilliseconds: 0 }, thrown);
  }
}

/** Codes of the catalogue for statuses that gRPC itself ends calls with. */
const ownCodes: Readonly<Partial<Record<grpcCodes, string>>> = {
  [grpcCodes.CANCELLED]: 'CANCELLED',
  [grpcCodes.DEADLINE_EXCEEDED]: 'DEADLINE',
};

/** Status as gRPC is given it. */
interface EndedWith {
  readonly code?: grpcCodes | null;
  readonly metadata?: Metadata | null;
}

/**
 * Returns the code of the error that a call ends with: that of the catalogue, or else the name of gRPC's status; `OK`
 * for none.
 */
export function codeOf({ code, metadata }: EndedWith): string {
  const bytes = metadata?.get(detailsKey)[0];
  const received = bytes instanceof Buffer ? decodeDetails(bytes) : undefined;
  const status = code ?? grpcCodes.UNKNOWN;
  return received?.code ?? ownCodes[status] ?? grpcCodes[status];
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && 'code' in thrown && 'metadata' in thrown && 'details' in thrown;
}
