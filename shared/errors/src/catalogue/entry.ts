/** The gRPC statuses other than OK, by name. */
export const grpcStatusNames = [
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

export type GrpcStatusName = (typeof grpcStatusNames)[number];

/**
 * Type of each detail of an error. Details travel as text, and the receiver needs to know which of them are numbers.
 */
export type DetailKinds = Readonly<Record<string, 'text' | 'number'>>;

type DetailOf<Kind extends 'text' | 'number'> = Kind extends 'number' ? number : string;

/** Details of an error with these kinds. */
export type DetailsOf<Kinds extends DetailKinds> = { readonly [Name in keyof Kinds]: DetailOf<Kinds[Name]> };

/** Optional parts of a catalogue entry. A function computes the part from the details of the error. */
export interface EntryOptions<Details> {
  /** Field of the request that is wrong, by its path in the proto. */
  readonly field?: string | ((details: Details) => string);
  /** Milliseconds after which the same call can succeed. Absent or 0: a retry does not help. */
  readonly retryAfterMilliseconds?: number | ((details: Details) => number);
}

/** One kind of error. */
export interface CatalogueEntry<Kinds extends DetailKinds> extends EntryOptions<DetailsOf<Kinds>> {
  readonly status: GrpcStatusName | ((details: DetailsOf<Kinds>) => GrpcStatusName);
  readonly kinds: Kinds;
  readonly sentence: (details: DetailsOf<Kinds>) => string;
}

/**
 * Makes an entry of the catalogue.
 *
 * @param status gRPC status that the error travels as
 * @param kinds names and types of the details
 * @param sentence names the file, field or limit, and how to fix the problem
 */
export function entry<const Kinds extends DetailKinds>(
  status: CatalogueEntry<Kinds>['status'],
  kinds: Kinds,
  sentence: (details: DetailsOf<Kinds>) => string,
  options: EntryOptions<DetailsOf<Kinds>> = {},
): CatalogueEntry<Kinds> {
  return { status, kinds, sentence, ...options };
}
