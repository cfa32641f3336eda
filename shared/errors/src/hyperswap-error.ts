import { entryOf, isErrorCode, type ErrorCode, type ErrorDetails } from './catalogue/catalogue.js';
import type { GrpcStatusName } from './catalogue/entry.js';
import { echoedCharacters, shorten } from './shorten.js';

/** Details of an error whose code is not known. */
type Details = Readonly<Record<string, string | number>>;

/** Error of one of these codes. */
export type ErrorOf<Code extends ErrorCode> = HyperswapError & {
  readonly code: Code;
  readonly details: ErrorDetails<Code>;
};

/** Error of the catalogue. It crosses threads as {@link SerializedError}, and gRPC as `google.rpc.Status`. */
export class HyperswapError extends Error {
  override readonly name = 'HyperswapError';

  /**
   * @param details as thrown, not shortened
   * @param message the sentence, shortened; {@link failure} makes it from the details
   */
  constructor(
    readonly code: ErrorCode,
    readonly details: Details,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Returns true for an error with one of these codes, and narrows the type of its details. */
  static is<Code extends ErrorCode>(error: unknown, ...codes: readonly Code[]): error is ErrorOf<Code> {
    return error instanceof HyperswapError && (codes as readonly ErrorCode[]).includes(error.code);
  }

  /** The gRPC status it travels as. */
  get status(): GrpcStatusName {
    const { status } = entryOf(this.code);
    return typeof status === 'function' ? status(this.details) : status;
  }

  /** Milliseconds after which the same call can succeed; 0 where a retry does not help. */
  get retryAfterMilliseconds(): number {
    const { retryAfterMilliseconds: retry = 0 } = entryOf(this.code);
    return typeof retry === 'function' ? retry(this.details) : retry;
  }

  /** The same call can succeed when repeated later. */
  get retryable(): boolean {
    // NaN, where an older version did not tell the time, means that a retry helps.
    return this.retryAfterMilliseconds !== 0;
  }

  /** Path of the request's field that is wrong; undefined where the error is not about a field. */
  get field(): string | undefined {
    const { field } = entryOf(this.code);
    return typeof field === 'function' ? field(this.details) : field;
  }
}

/** The form that survives `postMessage` and JSON. */
export interface SerializedError {
  readonly code: string;
  readonly message: string;
  /** Absent in what older versions stored. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * Makes the error of a code, with its sentence filled in. The sentence shows each detail in at most 200 characters,
 * whatever a caller sent.
 */
export function failure<Code extends ErrorCode>(
  code: Code,
  details: ErrorDetails<Code>,
  cause?: unknown,
): HyperswapError {
  return new HyperswapError(code, details, sentenceOf(code, details), cause === undefined ? undefined : { cause });
}

/**
 * Returns the sentence of an error.
 *
 * @param limit characters of each detail that it shows
 */
function sentenceOf(code: ErrorCode, details: Details, limit?: number): string {
  // A detail can be a sentence itself, with its own full stop.
  return entryOf(code)
    .sentence(shortenDetails(details, limit))
    .replace(/(?<!\.)\.\.(?= |$)/g, '.');
}

/**
 * Returns an error whose details are shortened, and whose message shows them so. A message that is not the sentence of
 * the catalogue, because another version made it, is shortened as a whole.
 *
 * @param limit characters of each detail
 */
export function shortenError({ code, details, message }: HyperswapError, limit = echoedCharacters): HyperswapError {
  const shown = shortenDetails(details, limit);
  const isOwn = message === sentenceOf(code, details);
  return new HyperswapError(code, shown, isOwn ? sentenceOf(code, shown, limit) : shorten(message, 4 * limit));
}

/** Returns details with each text shortened to `limit` characters. */
function shortenDetails(details: Details, limit?: number): Details {
  return Object.fromEntries(
    Object.entries(details).map(([name, value]) => [name, typeof value === 'string' ? shorten(value, limit) : value]),
  );
}

/** Returns any thrown value as an error of the catalogue; an unknown one becomes INTERNAL and keeps its cause. */
export function toHyperswapError(thrown: unknown): HyperswapError {
  if (thrown instanceof HyperswapError) return thrown;
  if (thrown instanceof Error && thrown.name === 'AbortError') {
    return failure('CANCELLED', { what: 'The work' }, thrown);
  }
  return failure('INTERNAL', { reason: thrown instanceof Error ? thrown.message : String(thrown) }, thrown);
}

/** Returns the form of an error that crosses threads and is stored with a job; its details are shortened. */
export function serializeError(thrown: unknown): SerializedError {
  const { code, message, details } = shortenError(toHyperswapError(thrown));
  return { code, message, details };
}

/** Returns an error whose code is not in this catalogue, with the whole message of its sender. */
export function serviceError(details: ErrorDetails<'SERVICE_ERROR'>, cause?: unknown): HyperswapError {
  return new HyperswapError('SERVICE_ERROR', details, `${details.message} (${details.code})`, { cause });
}

/**
 * Returns the error that another thread or process serialized. A code that this version does not know becomes
 * SERVICE_ERROR, which keeps code and message readable. A detail that is missing becomes empty text or NaN.
 */
export function restoreError({ code, message, details = {} }: SerializedError, cause?: unknown): HyperswapError {
  if (!isErrorCode(code)) {
    return serviceError({ code, message, status: 'UNKNOWN', retryAfterMilliseconds: 0 }, cause);
  }
  const known = Object.entries(entryOf(code).kinds).map(([name, kind]) => {
    const value = Object.hasOwn(details, name) ? details[name] : undefined;
    if (kind === 'number') return [name, Number(value ?? Number.NaN)] as const;
    return [name, typeof value === 'string' ? value : ''] as const;
  });
  return new HyperswapError(
    code,
    Object.fromEntries<string | number>(known),
    message,
    cause === undefined ? undefined : { cause },
  );
}
