import { failure } from '@hyperswap/errors';
import { defaultMessageBytes } from './message-size.js';

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
/** Messages of a page that are made at the same time: some are read from the store. */
const madeAtOnce = 32;
/** Bytes of the tag and the length before a message in a response, at most. */
const fieldBytes = 8;

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

/** Rules that turn the items of a list into messages of its pages. */
export interface Listing<Item, Message> {
  /** Returns the unique key of an item; the order of the keys as strings is the order of the list. */
  readonly keyOf: (item: Item) => string;
  /** Returns the message of an item, or a response that holds that item alone. */
  readonly toMessage: (item: Item) => Message | Promise<Message>;
  /** Encoder of the messages, for their size. */
  readonly codec: { encode(message: Message): { finish(): Uint8Array } };
}

/**
 * Cuts a page out of all items, in the order of their keys, that fits one message. Items may come and go between two
 * pages: each that stays is listed once. A page has one item at least, however large.
 *
 * @throws FIELD_INVALID when the page size is above the limit; errors of `toMessage`
 */
export async function pageOf<Item, Message>(
  items: Iterable<Item>,
  { keyOf, toMessage, codec }: Listing<Item, Message>,
  request: PageRequest,
  limits = defaultLimits,
): Promise<{ readonly page: readonly Message[]; readonly nextPageToken: string }> {
  const size = pageSizeOf(request, limits);
  const keyed = [...items].map((item) => ({ item, key: keyOf(item) })).filter(({ key }) => key > request.pageToken);
  keyed.sort((a, b) => (a.key < b.key ? -1 : 1));
  const wanted = keyed.slice(0, size);
  const page: Message[] = [];
  let bytes = 0;
  let last = '';
  for (let first = 0; first < wanted.length; first += madeAtOnce) {
    const some = wanted.slice(first, first + madeAtOnce);
    const messages = await Promise.all(some.map(({ item }) => toMessage(item)));
    for (const [index, message] of messages.entries()) {
      bytes += codec.encode(message).finish().byteLength + fieldBytes;
      if (bytes > defaultMessageBytes && page.length > 0) return { page, nextPageToken: last };
      page.push(message);
      last = some[index]!.key;
    }
  }
  return { page, nextPageToken: keyed.length > page.length ? last : '' };
}

/** Returns a key that lists the newest first. @param time milliseconds since 1970 */
export function newestFirstKey(time: number, id: string): string {
  return `${String(Number.MAX_SAFE_INTEGER - Math.round(time)).padStart(16, '0')} ${id}`;
}
