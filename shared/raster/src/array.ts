/** Arrays as files hold them, before it is known what they mean. */
import { setImmediate } from 'node:timers/promises';
import { failure } from '@hyperswap/errors';

export type NumericArray =
  Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array;

/** A numeric array with its shape, values in row-major order (the last index varies fastest). */
export interface RasterArray {
  readonly shape: readonly number[];
  readonly values: NumericArray;
}

const constructors = {
  u1: Uint8Array,
  i1: Int8Array,
  u2: Uint16Array,
  i2: Int16Array,
  u4: Uint32Array,
  i4: Int32Array,
  f4: Float32Array,
  f8: Float64Array,
} as const;

/** Kind and bytes of a value in memory, as NumPy writes them. */
export type ElementType = keyof typeof constructors;

/** Kind and bytes of a value in a file. Half precision becomes f4 in memory, 64-bit integers become f8. */
export type StorageType = ElementType | 'f2' | 'i8' | 'u8';

function isElementType(code: string): code is ElementType {
  return Object.hasOwn(constructors, code);
}

export function isStorageType(code: string): code is StorageType {
  return isElementType(code) || code === 'f2' || code === 'i8' || code === 'u8';
}

/** Returns the bytes of one value. */
export function bytesOf(type: StorageType): number {
  return Number(type[1]);
}

/** Returns the type in memory of values that a file stores as `type`. */
export function memoryType(type: StorageType): ElementType {
  if (type === 'f2') return 'f4';
  return type === 'i8' || type === 'u8' ? 'f8' : type;
}

/** Returns an array of zeros. */
export function emptyArray(type: ElementType, length: number): NumericArray {
  return new constructors[type](length);
}

/** Returns the type of an array's values. */
export function typeOf(values: NumericArray): ElementType {
  return (Object.keys(constructors) as ElementType[]).find((type) => values instanceof constructors[type])!;
}

/**
 * Returns values out of bytes of either byte order. The bytes may be changed, and may become the values' own.
 *
 * @param file named in errors
 * @throws FILE_FORMAT when a 64-bit integer is beyond ±2^53, which no number in memory holds exactly
 */
export function decodeStored(
  file: string,
  bytes: Uint8Array<ArrayBuffer>,
  type: StorageType,
  littleEndian: boolean,
): NumericArray {
  const size = bytesOf(type);
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const { buffer, byteOffset, byteLength } = aligned;
  const view = Buffer.from(buffer, byteOffset, byteLength);
  if (!littleEndian && size === 2) view.swap16();
  if (!littleEndian && size === 4) view.swap32();
  if (!littleEndian && size === 8) view.swap64();
  const length = byteLength / size;
  if (type === 'f2') return fromHalves(new Uint16Array(buffer, byteOffset, length));
  if (type === 'i8' || type === 'u8') {
    const words =
      type === 'i8' ? new BigInt64Array(buffer, byteOffset, length) : new BigUint64Array(buffer, byteOffset, length);
    return fromWords(file, words);
  }
  return new constructors[type](buffer, byteOffset, length);
}

/** Number of decoded bytes between two yields to the event loop: a few milliseconds of work. */
const bytesOfTurn = 1024 * 1024;

/**
 * Does the same as {@link decodeStored}, and yields to the event loop while it converts values.
 *
 * @throws FILE_FORMAT when a 64-bit integer is beyond ±2^53
 */
export async function decodeInTurns(
  file: string,
  bytes: Uint8Array<ArrayBuffer>,
  type: StorageType,
  littleEndian: boolean,
): Promise<NumericArray> {
  if (isElementType(type) || bytes.byteLength <= bytesOfTurn) return decodeStored(file, bytes, type, littleEndian);
  const values = emptyArray(memoryType(type), bytes.byteLength / bytesOf(type));
  for (let start = 0; start < bytes.byteLength; start += bytesOfTurn) {
    const piece = decodeStored(file, bytes.subarray(start, start + bytesOfTurn), type, littleEndian);
    values.set(piece, start / bytesOf(type));
    await setImmediate();
  }
  return values;
}

function fromWords(file: string, words: BigInt64Array | BigUint64Array): Float64Array {
  const values = new Float64Array(words.length);
  for (let i = 0; i < words.length; i++) {
    const value = Number(words[i]!);
    if (!Number.isSafeInteger(value)) {
      const reason = `it holds the 64-bit integer ${words[i]!}, which is beyond 2^53`;
      throw failure('FILE_FORMAT', { file, expected: 'raster', reason });
    }
    values[i] = value;
  }
  return values;
}

/** Float32 of every half-precision number (IEEE 754 binary16), by its bits. */
let halves: Float32Array | undefined;

function fromHalves(bits: Uint16Array): Float32Array {
  halves ??= Float32Array.from({ length: 65_536 }, (_, half) => {
    const sign = half >>> 15 === 0 ? 1 : -1;
    const exponent = (half >>> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = halves[bits[i]!]!;
  return values;
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * Copies values that lie in any order into row-major order.
 *
 * @param result gets all values of the shape, the last index varying fastest
 * @param strides distance in `values` between neighbours along each axis
 */
export function gatherRowMajor(
  result: NumericArray,
  values: NumericArray,
  shape: readonly number[],
  strides: readonly number[],
): void {
  const index = new Array<number>(shape.length).fill(0);
  let source = 0;
  for (let target = 0; target < result.length; target++) {
    result[target] = values[source]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]! += 1;
      source += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      source -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}
