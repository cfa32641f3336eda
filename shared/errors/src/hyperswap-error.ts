import { catalogue, type ErrorCode, type ErrorDetails, type GrpcStatusName } from './catalogue.js';

/** A catalogued error. It crosses threads as {@link SerializedError} and gRPC as status, message and metadata. */
export class HyperswapError extends Error {
  override readonly name = 'HyperswapError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** The gRPC status it travels as. */
  get status(): GrpcStatusName {
    return catalogue[this.code].status;
  }

  /** Whether the same call can succeed when repeated later. */
  get retryable(): boolean {
    return catalogue[this.code].retryable;
  }
}

/** The form that survives `postMessage`. */
export interface SerializedError {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Makes the catalogued error for a code, with its sentence filled in. */
export function failure<Code extends ErrorCode>(
  code: Code,
  details: ErrorDetails<Code>,
  cause?: unknown,
): HyperswapError {
  const sentence = catalogue[code].sentence as (details: ErrorDetails<Code>) => string;
  return new HyperswapError(code, sentence(details), cause === undefined ? undefined : { cause });
}

/** Any thrown value as a catalogued error; what is not catalogued becomes INTERNAL and keeps its cause. */
export function toHyperswapError(thrown: unknown): HyperswapError {
  if (thrown instanceof HyperswapError) return thrown;
  if (thrown instanceof Error && thrown.name === 'AbortError') {
    return failure('CANCELLED', { what: 'The work' }, thrown);
  }
  return failure('INTERNAL', { reason: thrown instanceof Error ? thrown.message : String(thrown) }, thrown);
}

export function serializeError(thrown: unknown): SerializedError {
  const { code, message } = toHyperswapError(thrown);
  return { code, message };
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(catalogue, code);
}
