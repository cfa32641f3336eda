import { failure } from '@hyperswap/errors';

/** Enumeration of a proto as generated: names to numbers and back. */
type Enumeration = Readonly<Record<string | number, string | number>>;

/**
 * Refuses a number that an enumeration of this version does not have. A newer client may mean something by it that the
 * default is not.
 *
 * @param field name in the request
 * @throws FIELD_INVALID
 */
export function requireKnown(enumeration: Enumeration, value: number, field: string): void {
  if (value >= 0 && value in enumeration) return;
  const known = Object.keys(enumeration).filter((name) => Number.isNaN(Number(name)) && name !== 'UNRECOGNIZED');
  throw failure('FIELD_INVALID', { field, reason: `${value} is none of ${known.join(', ')}` });
}
