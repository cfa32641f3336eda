import { failure } from '@hyperswap/errors';

/** Fields of every request that lists something. */
export interface PageRequest {
  /** Items of a page; 0 means the usual number. */
  readonly pageSize: number;
  /** `nextPageToken` of the page before; empty for the first page. */
  readonly pageToken: string;
}

/** Items of a page when the request says nothing, and at most. */
export interface PageLimits {
  readonly usual: number;
  readonly most: number;
}

const defaultLimits: PageLimits = { usual: 100, most: 1000 };

/**
 * Returns the page size of a request.
 *
 * @throws FIELD_INVALID when it is above the limit
 */
export function pageSizeOf({ pageSize }: Pick<PageRequest, 'pageSize'>, { usual, most } = defaultLimits): number {
  if (pageSize > most)
    throw failure('FIELD_INVALID', { field: 'page_size', reason: `${pageSize} is more than ${most}` });
  return pageSize === 0 ? usual : pageSize;
}

/**
 * Cuts a page out of all items, in the order of their keys. Items may come and go between two pages: each that stays is listed once.
 *
 * @param keyOf unique key of an item; the order of the keys as strings is the order of the list
 * @throws FIELD_INVALID when the page size is above the limit
 */
export function pageOf<Item>(
  items: Iterable<Item>,
  keyOf: (item: Item) => string,
  request: PageRequest,
  limits = defaultLimits,
): { readonly page: readonly Item[]; readonly nextPageToken: string } {
  const size = pageSizeOf(request, limits);
  const keyed = [...items].map((item) => ({ item, key: keyOf(item) })).filter(({ key }) => key > request.pageToken);
  keyed.sort((a, b) => (a.key < b.key ? -1 : 1));
  const page = keyed.slice(0, size);
  const nextPageToken = keyed.length > page.length ? page.at(-1)!.key : '';
  return { page: page.map(({ item }) => item), nextPageToken };
}

/** Returns a key that lists the newest first. @param time milliseconds since 1970 */
export function newestFirstKey(time: number, id: string): string {
  return `${String(Number.MAX_SAFE_INTEGER - Math.round(time)).padStart(16, '0')} ${id}`;
}
