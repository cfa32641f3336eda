/**
 * Directories of TIFF 6.0 and BigTIFF files; each count that they claim is checked against the file before it is
 * believed.
 */
import { failure } from '@hyperswap/errors';
import type { RandomAccess } from '../../source/random-access.js';

/** Bytes of a value by its field type. */
const typeBytes: Readonly<Record<number, number>> = {
  1: 1,
  2: 1,
  3: 2,
  4: 4,
  5: 8,
  6: 1,
  7: 1,
  8: 2,
  9: 4,
  10: 8,
  11: 4,
  12: 8,
  13: 4,
  16: 8,
  17: 8,
  18: 8,
};
const maximumEntries = 4096;
const maximumDirectories = 10_000;
const maximumFieldBytes = 64 * 1024 ** 2;

interface Field {
  readonly type: number;
  readonly count: number;
  /** Offset of the values in the file. */
  readonly offset: number;
}

/** Tags that are read, by name. */
export const tags = {
  newSubfileType: 254,
  width: 256,
  height: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  stripOffsets: 273,
  samplesPerPixel: 277,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  planarConfiguration: 284,
  predictor: 317,
  colorMap: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileByteCounts: 325,
  sampleFormat: 339,
  modelPixelScale: 33550,
  modelTiepoint: 33922,
  modelTransformation: 34264,
  geoKeys: 34735,
  geoAscii: 34737,
  gdalMetadata: 42112,
  gdalNodata: 42113,
} as const;

/** One directory: the fields of one image. */
export class TiffDirectory {
  constructor(
    private readonly source: RandomAccess,
    readonly littleEndian: boolean,
    private readonly fields: ReadonlyMap<number, Field>,
  ) {}

  has(tag: number): boolean {
    return this.fields.has(tag);
  }

  /** Returns the values of a field; empty when it is missing. @throws FILE_FORMAT */
  async numbers(tag: number): Promise<number[]> {
    const field = this.fields.get(tag);
    if (field === undefined) return [];
    const size = typeBytes[field.type]!;
    const bytes = await this.source.read(field.offset, field.count * size);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Array.from({ length: field.count }, (_, i) => numberAt(view, i * size, field.type, this.littleEndian));
  }

  /** Returns the first value of a field. @throws FILE_FORMAT when it is missing and has no default */
  async number(tag: number, fallback?: number): Promise<number> {
    const [value = fallback] = await this.numbers(tag);
    if (value === undefined) throw invalid(this.source.name, `its field ${tag} is missing`);
    return value;
  }

  /** Returns a text; undefined when it is missing. @throws FILE_FORMAT */
  async text(tag: number): Promise<string | undefined> {
    const field = this.fields.get(tag);
    if (field === undefined) return undefined;
    const bytes = await this.source.read(field.offset, field.count * typeBytes[field.type]!);
    return Buffer.from(bytes).toString('utf8').replace(/\0.*$/s, '');
  }
}

function numberAt(view: DataView, place: number, type: number, littleEndian: boolean): number {
  switch (type) {
    case 3:
      return view.getUint16(place, littleEndian);
    case 4:
    case 13:
      return view.getUint32(place, littleEndian);
    case 5:
      return view.getUint32(place, littleEndian) / view.getUint32(place + 4, littleEndian);
    case 6:
      return view.getInt8(place);
    case 8:
      return view.getInt16(place, littleEndian);
    case 9:
      return view.getInt32(place, littleEndian);
    case 10:
      return view.getInt32(place, littleEndian) / view.getInt32(place + 4, littleEndian);
    case 11:
      return view.getFloat32(place, littleEndian);
    case 12:
      return view.getFloat64(place, littleEndian);
    case 16:
    case 18:
      return Number(view.getBigUint64(place, littleEndian));
    case 17:
      return Number(view.getBigInt64(place, littleEndian));
    default:
      return view.getUint8(place);
  }
}

/** Tells a TIFF or BigTIFF by its first four bytes. */
export function isTiff(head: Uint8Array): boolean {
  const magic = Buffer.from(head.subarray(0, 4)).toString('latin1');
  return magic === 'II*\0' || magic === 'MM\0*' || magic === 'II+\0' || magic === 'MM\0+';
}

/** Reads the directories of all images of a file, in order. @throws FILE_FORMAT */
export async function readDirectories(source: RandomAccess): Promise<TiffDirectory[]> {
  const head = new DataView((await source.read(0, 8)).buffer);
  const littleEndian = head.getUint8(0) === 0x49;
  const big = head.getUint16(2, littleEndian) === 43;
  const word = (view: DataView, at: number): number =>
    big ? Number(view.getBigUint64(at, littleEndian)) : view.getUint32(at, littleEndian);
  let next = big ? word(new DataView((await source.read(8, 8)).buffer), 0) : word(head, 4);
  const [entryBytes, countBytes, offsetBytes] = big ? [20, 8, 8] : [12, 2, 4];
  const seen = new Set<number>();
  const directories: TiffDirectory[] = [];
  while (next !== 0) {
    if (seen.has(next)) throw invalid(source.name, 'its directories form a circle');
    if (directories.length === maximumDirectories)
      throw invalid(source.name, `it has more than ${maximumDirectories} images`);
    seen.add(next);
    const counted = new DataView((await source.read(next, countBytes)).buffer);
    const entries = big ? word(counted, 0) : counted.getUint16(0, littleEndian);
    if (entries > maximumEntries) throw invalid(source.name, `a directory has ${entries} fields`);
    const start = next + countBytes;
    const view = new DataView((await source.read(start, entries * entryBytes + offsetBytes)).buffer);
    const fields = new Map<number, Field>();
    for (let entry = 0; entry < entries; entry++) {
      const place = entry * entryBytes;
      const tag = view.getUint16(place, littleEndian);
      const type = view.getUint16(place + 2, littleEndian);
      const count = word(view, place + 4);
      const bytes = count * (typeBytes[type] ?? 0);
      // Fields of unknown types are passed over, as TIFF asks of readers.
      if (bytes === 0) continue;
      const valuePlace = place + 4 + offsetBytes;
      const offset = bytes <= offsetBytes ? start + valuePlace : word(view, valuePlace);
      if (bytes > maximumFieldBytes || offset + bytes > source.size) {
        if (!Object.values<number>(tags).includes(tag)) continue;
        throw invalid(source.name, `its field ${tag} claims ${bytes} bytes that are not there`);
      }
      fields.set(tag, { type, count, offset });
    }
    directories.push(new TiffDirectory(source, littleEndian, fields));
    next = word(view, entries * entryBytes);
  }
  if (directories.length === 0) throw invalid(source.name, 'it has no image');
  return directories;
}

export function invalid(file: string, reason: string, cause?: unknown): Error {
  return failure('FILE_FORMAT', { file, expected: 'TIFF', reason }, cause);
}
