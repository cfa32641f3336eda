import { failure } from '@hyperswap/errors';

/** File that is read by ranges of bytes. */
export interface Ranges {
  /** Name of the file, for errors. */
  readonly name: string;
  /** Bytes of the file. */
  readonly size: number;
  /** Version that changes with the content, as far as the source reports it. */
  readonly version: string;
  /**
   * Reads exactly `length` bytes, which are inside the file.
   *
   * @throws SCENE_SOURCE_UNREADABLE, SCENE_SOURCE_UNREACHABLE, CANCELLED, errors of the store
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Checks that the file is still the one that was opened. @throws SCENE_SOURCE_UNREADABLE */
  requireSame(): Promise<void>;
  /** Ends connections. */
  close(): void;
}

/** Bytes of the largest part that is read at once: a block of a TIFF, compressed or not. */
const maximumRangeBytes = 128 * 1024 ** 2;

/** Bytes of a page: small parts are read in pages, which are kept. */
export const pageBytes = 64 * 1024;
const keptPages = 64;

/**
 * Returns a file whose small parts are read in pages, so that many of them take one request. Parts that are too large
 * are refused.
 */
export function inPages(ranges: Ranges): Ranges {
  const pages = new Map<number, Uint8Array<ArrayBuffer>>();
  const page = async (index: number): Promise<Uint8Array<ArrayBuffer>> => {
    const start = index * pageBytes;
    const found = pages.get(index) ?? (await ranges.read(start, Math.min(pageBytes, ranges.size - start)));
    // Re-inserting keeps the pages in order of use.
    pages.delete(index);
    pages.set(index, found);
    if (pages.size > keptPages) pages.delete(pages.keys().next().value!);
    return found;
  };
  return {
    ...ranges,
    read: async (offset, length) => {
      if (length > maximumRangeBytes) {
        const reason = `a block of it has ${length} bytes, more than ${maximumRangeBytes}; rewrite it in smaller tiles`;
        throw failure('SCENE_SOURCE_UNREADABLE', { source: ranges.name, reason });
      }
      if (length > pageBytes) return ranges.read(offset, length);
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length;) {
        const place = offset + done;
        const found = await page(Math.floor(place / pageBytes));
        const part = found.subarray(place % pageBytes, (place % pageBytes) + length - done);
        bytes.set(part, done);
        done += part.byteLength;
      }
      return bytes;
    },
  };
}
