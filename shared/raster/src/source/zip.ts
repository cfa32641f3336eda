/** Entries of a zip archive, as numpy.savez writes them. PKWARE "APPNOTE.TXT", sections 4.3 and 4.5.3 (ZIP64). */
import { failure } from '@hyperswap/errors';
import { inflated } from './inflated.js';
import { partOf, type RandomAccess } from './random-access.js';

/** Entry of an archive. */
export interface ZipEntry {
  readonly name: string;
  /** Bytes when unpacked. */
  readonly size: number;
  /** Opens the unpacked bytes. @throws FILE_FORMAT */
  open(): Promise<RandomAccess>;
}

const endBytes = 22;
const maximumCommentBytes = 65_535;
const maximumDirectoryBytes = 16 * 1024 ** 2;
const maximumEntries = 10_000;
const stored = 0;
const deflated = 8;

export function isZip(head: Uint8Array): boolean {
  return head.byteLength >= 4 && head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4;
}

/** Lists an archive. @throws FILE_FORMAT */
export async function listZip(source: RandomAccess): Promise<ZipEntry[]> {
  const invalid = (reason: string): Error => failure('FILE_FORMAT', { file: source.name, expected: 'zip', reason });
  const directory = await findDirectory(source, invalid);
  if (directory.length > maximumDirectoryBytes) throw invalid('its directory is longer than 16 MiB');
  const bytes = await source.read(directory.offset, directory.length);
  const view = new DataView(bytes.buffer);
  const entries: ZipEntry[] = [];
  for (let place = 0; place + 46 <= bytes.byteLength && view.getUint32(place, true) === 0x02014b50;) {
    if (entries.length === maximumEntries) throw invalid(`it has more than ${maximumEntries} entries`);
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((at) => view.getUint16(place + at, true)) as [
      number,
      number,
      number,
    ];
    const next = place + 46 + nameBytes + extraBytes + commentBytes;
    if (next > bytes.byteLength) throw invalid('its directory is truncated');
    const method = view.getUint16(place + 10, true);
    const encrypted = (view.getUint16(place + 8, true) & 1) !== 0;
    const name = Buffer.from(bytes.subarray(place + 46, place + 46 + nameBytes)).toString('utf8');
    const extra = new DataView(bytes.buffer, place + 46 + nameBytes, extraBytes);
    const [size, length, offset] = largeSizes(extra, [
      view.getUint32(place + 24, true),
      view.getUint32(place + 20, true),
      view.getUint32(place + 42, true),
    ]);
    entries.push({
      name,
      size,
      open: async () => {
        if (encrypted || (method !== stored && method !== deflated)) {
          throw invalid(`its entry ${name} is ${encrypted ? 'encrypted' : `compressed by method ${method}`}`);
        }
        const local = await source.read(offset, 30);
        const header = new DataView(local.buffer);
        if (header.getUint32(0, true) !== 0x04034b50)
          throw invalid(`its entry ${name} is not where the directory says`);
        const start = offset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
        if (start + length > source.size) throw invalid(`its entry ${name} is truncated`);
        if (method === stored) return partOf(source, start, length);
        return inflated({ source, offset: start, length, wrapping: 'raw', limit: size });
      },
    });
    place = next;
  }
  return entries;
}

async function findDirectory(
  source: RandomAccess,
  invalid: (reason: string) => Error,
): Promise<{ offset: number; length: number }> {
  const tailBytes = Math.min(source.size, endBytes + maximumCommentBytes);
  const tail = await source.read(source.size - tailBytes, tailBytes);
  const view = new DataView(tail.buffer);
  for (let place = tailBytes - endBytes; place >= 0; place--) {
    if (view.getUint32(place, true) !== 0x06054b50) continue;
    let length = view.getUint32(place + 12, true);
    let offset = view.getUint32(place + 16, true);
    if (offset === 0xffffffff || length === 0xffffffff) {
      if (place < 20 || view.getUint32(place - 20, true) !== 0x07064b50) throw invalid('its ZIP64 end is missing');
      const end = new DataView((await source.read(Number(view.getBigUint64(place - 12, true)), 56)).buffer);
      if (end.getUint32(0, true) !== 0x06064b50) throw invalid('its ZIP64 end is missing');
      length = Number(end.getBigUint64(40, true));
      offset = Number(end.getBigUint64(48, true));
    }
    if (offset + length > source.size) throw invalid('its directory is truncated');
    return { offset, length };
  }
  throw invalid('it has no directory; it may be truncated');
}

/** Sizes of 64 bits stand in an extra field, for those of 32 bits that are all ones, in this order. */
function largeSizes(extra: DataView, sizes: [number, number, number]): [number, number, number] {
  for (let place = 0; place + 4 <= extra.byteLength; place += 4 + extra.getUint16(place + 2, true)) {
    if (extra.getUint16(place, true) !== 1) continue;
    let value = place + 4;
    return sizes.map((size) => {
      if (size !== 0xffffffff || value + 8 > extra.byteLength) return size;
      value += 8;
      return Number(extra.getBigUint64(value - 8, true));
    }) as [number, number, number];
  }
  return sizes;
}
