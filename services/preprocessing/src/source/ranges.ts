/** File that is read by ranges of bytes. */
export interface Ranges {
  /** Name of the file, for errors. */
  readonly name: string;
  /** Bytes of the file. */
  readonly size: number;
  /** Reads exactly `length` bytes, which are inside the file. @throws SCENE_SOURCE_UNREADABLE, CANCELLED, what the store throws */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Bytes of a page: small parts are read in pages, which are kept. */
export const pageBytes = 64 * 1024;
const keptPages = 64;

/** Returns a file whose small parts are read in pages, so that many of them take one request. */
export function inPages(ranges: Ranges): Ranges {
  const pages = new Map<number, Uint8Array<ArrayBuffer>>();
  const page = async (index: number): Promise<Uint8Array<ArrayBuffer>> => {
    const start = index * pageBytes;
    const found = pages.get(index) ?? (await ranges.read(start, Math.min(pageBytes, ranges.size - start)));
    // The page used last comes last.
    pages.delete(index);
    pages.set(index, found);
    if (pages.size > keptPages) pages.delete(pages.keys().next().value!);
    return found;
  };
  return {
    name: ranges.name,
    size: ranges.size,
    read: async (offset, length) => {
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
