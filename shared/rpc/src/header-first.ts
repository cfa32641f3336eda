import { failure } from '@hyperswap/errors';

/** The alternatives of a `oneof part` with a header, as ts-proto generates them. */
interface AnyPart {
  readonly $case: string;
  readonly value: unknown;
}
type HeaderOf<Part extends AnyPart> = Extract<Part, { readonly $case: 'header' }>['value'];
type PartAfterHeader<Part extends AnyPart> = Exclude<Part, { readonly $case: 'header' }>;

/** A request stream that began with its header. */
export interface HeaderAndRest<Part extends AnyPart> {
  readonly header: HeaderOf<Part>;
  /** The parts after the header. @throws FIELD_INVALID for a second header, and for a part without content */
  readonly rest: AsyncIterable<PartAfterHeader<Part>>;
}

/**
 * Reads the header of a request stream whose first message has to be its header.
 *
 * @throws FIELD_INVALID when the header is missing or another part comes before it
 */
export async function headerFirst<Part extends AnyPart>(
  requests: AsyncIterable<{ readonly part?: Part | undefined }>,
): Promise<HeaderAndRest<Part>> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) throw invalid('header', 'it is missing');
  const { part } = first.value;
  if (part?.$case !== 'header') {
    await iterator.return?.();
    throw invalid('header', 'it must come first');
  }
  return { header: part.value as HeaderOf<Part>, rest: partsAfterHeader({ [Symbol.asyncIterator]: () => iterator }) };
}

async function* partsAfterHeader<Part extends AnyPart>(
  requests: AsyncIterable<{ readonly part?: Part | undefined }>,
): AsyncGenerator<PartAfterHeader<Part>> {
  for await (const { part } of requests) {
    if (part === undefined) throw invalid('part', 'it is empty');
    if (part.$case === 'header') throw invalid('header', 'it was sent twice');
    yield part as PartAfterHeader<Part>;
  }
}

function invalid(field: string, reason: string): Error {
  return failure('FIELD_INVALID', { field, reason });
}
