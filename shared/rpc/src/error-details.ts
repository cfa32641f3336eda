/** Details of errors as `google.rpc.Status`, which clients of any language decode. */
import type { HyperswapError } from '@hyperswap/errors';
import { errorDetails, RpcStatus } from '@hyperswap/proto';
import { detailTexts, toDuration, toMilliseconds } from './messages.js';

const { BadRequest, ErrorInfo, RetryInfo } = errorDetails;

/** Domain of the codes in `ErrorInfo.reason`. */
const domain = 'hyperswap';
const typePrefix = 'type.googleapis.com/google.rpc.';

/** Details of a call's status beside its gRPC code and its message. */
export interface ReceivedDetails {
  /** Code of the error, perhaps one that this version does not know. */
  readonly code: string;
  readonly details: Readonly<Record<string, string>>;
  /** 0 where a retry does not help. */
  readonly retryAfterMilliseconds: number;
}

/**
 * Encodes an error, whose details are shortened already, as `google.rpc.Status`: ErrorInfo with code and details,
 * BadRequest when a field of the request is wrong, and RetryInfo when a retry helps.
 *
 * @param grpcCode number of the gRPC status
 */
export function encodeDetails(error: HyperswapError, grpcCode: number): Buffer {
  const { code, message, field, retryAfterMilliseconds: retry } = error;
  const metadata = detailTexts(error);
  const details = [any('ErrorInfo', ErrorInfo.encode({ reason: code, domain, metadata }))];
  if (field !== undefined) {
    const violation = { field, description: message, reason: code, localizedMessage: undefined };
    details.push(any('BadRequest', BadRequest.encode({ fieldViolations: [violation] })));
  }
  if (retry > 0) details.push(any('RetryInfo', RetryInfo.encode({ retryDelay: toDuration(retry) })));
  return Buffer.from(RpcStatus.encode({ code: grpcCode, message, details }).finish());
}

/**
 * Decodes what {@link encodeDetails} wrote.
 *
 * @returns undefined for bytes that are no status, and for details of another program, such as a proxy
 */
export function decodeDetails(bytes: Uint8Array): ReceivedDetails | undefined {
  try {
    const { details } = RpcStatus.decode(bytes);
    const find = (name: string): Buffer | undefined =>
      details.find(({ typeUrl }) => typeUrl === typePrefix + name)?.value;
    const info = find('ErrorInfo');
    if (info === undefined) return undefined;
    const { reason, domain: found, metadata } = ErrorInfo.decode(info);
    if (found !== domain) return undefined;
    // One millisecond at least: 0 means that a retry does not help.
    const retry = find('RetryInfo');
    const delay = retry && RetryInfo.decode(retry).retryDelay;
    return {
      code: reason,
      details: metadata,
      retryAfterMilliseconds: delay === undefined ? 0 : Math.max(1, toMilliseconds(delay)),
    };
  } catch {
    return undefined;
  }
}

function any(name: string, message: { finish(): Uint8Array }): { typeUrl: string; value: Buffer } {
  return { typeUrl: typePrefix + name, value: Buffer.from(message.finish()) };
}
