/**
 * MATLAB level 5 MAT-files, real numeric arrays only.
 * "MAT-File Format", The MathWorks, chapter 1: a 128-byte header, then data elements, each possibly zlib-compressed.
 */
import { inflateSync } from 'node:zlib';
import { failure } from '@hyperswap/errors';
import { decodeValues, elementCount, fromColumnMajor, type ElementType, type RasterArray } from '../array.js';

/** Data types (miXXX) by number. */
const storageTypes: Readonly<Record<number, ElementType>> = {
  1: 'i1',
  2: 'u1',
  3: 'i2',
  4: 'u2',
  5: 'i4',
  6: 'u4',
  7: 'f4',
  9: 'f8',
};
const miInt32 = 5;
const miMatrix = 14;
const miCompressed = 15;
/** Array classes (mxXXX_CLASS) that hold numbers: double, single, int8 … uint32. */
const numericClasses: Readonly<Record<number, ElementType>> = {
  6: 'f8',
  7: 'f4',
  8: 'i1',
  9: 'u1',
  10: 'i2',
  11: 'u2',
  12: 'i4',
  13: 'u4',
};
/** One compressed variable may grow to this, so that a small hostile file cannot fill the memory. */
const maximumInflatedBytes = 4 * 1024 ** 3;

interface Element {
  readonly type: number;
  readonly data: Uint8Array;
  readonly next: number;
}

export function isMat5(bytes: Uint8Array): boolean {
  if (bytes.byteLength < 128) return false;
  const order = Buffer.from(bytes.subarray(126, 128)).toString('latin1');
  return order === 'IM' || order === 'MI';
}

/**
 * All real numeric arrays of a file by name, row-major. Cells, structures and text are passed over.
 *
 * @param file named in errors
 * @throws FILE_FORMAT when it is damaged or truncated
 */
export function readMat5(file: string, bytes: Uint8Array): Map<string, RasterArray> {
  const reader = new Mat5Reader(file, bytes[126] === 0x49);
  const variables = new Map<string, RasterArray>();
  let offset = 128;
  while (offset < bytes.byteLength) {
    let element = reader.element(bytes, offset);
    offset = element.next;
    if (element.type === miCompressed) element = reader.element(reader.inflate(element.data), 0);
    if (element.type !== miMatrix) continue;
    const variable = reader.matrix(element.data);
    if (variable !== undefined) variables.set(variable.name, variable.array);
  }
  return variables;
}

class Mat5Reader {
  constructor(
    private readonly file: string,
    private readonly littleEndian: boolean,
  ) {}

  element(bytes: Uint8Array, offset: number): Element {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (offset + 8 > bytes.byteLength) throw this.invalid('it is truncated');
    const first = view.getUint32(offset, this.littleEndian);
    // Small elements pack size and type into one word, and up to 4 bytes of data into the next.
    const small = first >>> 16 !== 0;
    const type = small ? first & 0xffff : first;
    const size = small ? first >>> 16 : view.getUint32(offset + 4, this.littleEndian);
    const start = offset + (small ? 4 : 8);
    if (start + size > bytes.byteLength || (small && size > 4)) throw this.invalid('it is truncated');
    // Elements are padded to 8 bytes, but for compressed ones.
    const end = small ? offset + 8 : start + size;
    const next = type === miCompressed ? end : offset + Math.ceil((end - offset) / 8) * 8;
    return { type, data: bytes.subarray(start, start + size), next };
  }

  inflate(data: Uint8Array): Uint8Array {
    try {
      return inflateSync(data, { maxOutputLength: maximumInflatedBytes });
    } catch (cause) {
      throw this.invalid('a compressed variable is damaged', cause);
    }
  }

  matrix(data: Uint8Array): { name: string; array: RasterArray } | undefined {
    const flags = this.element(data, 0);
    const flagWord = new DataView(flags.data.buffer, flags.data.byteOffset, flags.data.byteLength).getUint32(
      0,
      this.littleEndian,
    );
    const wantedType = numericClasses[flagWord & 0xff];
    const complex = (flagWord & 0x0800) !== 0;
    if (wantedType === undefined || complex) return undefined;
    const dimensions = this.element(data, flags.next);
    const name = this.element(data, dimensions.next);
    const content = this.element(data, name.next);
    const stored = storageTypes[content.type];
    if (dimensions.type !== miInt32 || stored === undefined) throw this.invalid('a variable has an unknown layout');
    const shape = [...decodeValues(dimensions.data, 'i4', this.littleEndian)];
    if (content.data.byteLength !== elementCount(shape) * Number(stored[1])) {
      throw this.invalid(`a variable of [${shape.join(', ')}] carries ${content.data.byteLength} bytes`);
    }
    // MATLAB stores small whole numbers in smaller types than the variable's; the values are the same.
    const values = decodeValues(content.data, stored, this.littleEndian);
    const text = Buffer.from(name.data).toString('latin1');
    return { name: text, array: { shape, values: fromColumnMajor(shape, values) } };
  }

  private invalid(reason: string, cause?: unknown): Error {
    return failure('FILE_FORMAT', { file: this.file, expected: 'MATLAB v5', reason }, cause);
  }
}
