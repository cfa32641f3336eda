/**
 * NumPy's `.npy` files: magic, version, a Python dictionary as header, then the values.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import { failure } from '@hyperswap/errors';
import {
  bytesOf,
  decodeStored,
  elementCount,
  isStorageType,
  memoryType,
  emptyArray,
  gatherRowMajor,
  typeOf,
  type NumericArray,
  type RasterArray,
  type StorageType,
} from '../array.js';
import { arrayRaster } from '../arrays/array-raster.js';
import { ContiguousArray } from '../arrays/contiguous-array.js';
import type { RasterFormat } from '../raster-format.js';
import type { RandomAccess } from '../source/random-access.js';

const magic = Buffer.from('\x93NUMPY', 'latin1');
/** NumPy itself refuses longer headers by default. */
const maximumHeaderBytes = 10_000;
/** NumPy has at most 64 dimensions. */
const maximumDimensions = 64;

/** NumPy array in a file of its own. */
export const npyFormat: RasterFormat = {
  name: 'NumPy .npy',
  sniff: isNpy,
  open: async (source, options) => {
    const array = await openNpy(source);
    const { shape, type } = array;
    const arrays = [{ name: '', shape, type }];
    const container = { arrays, open: () => Promise.resolve(array), close: () => Promise.resolve() };
    // The only array has no name to choose it by.
    return arrayRaster(source, container, { ...options, variable: undefined });
  },
};

export function isNpy(bytes: Uint8Array): boolean {
  return bytes.byteLength >= 6 && magic.equals(bytes.subarray(0, 6));
}

/** Header of an array. */
export interface NpyHeader {
  readonly shape: readonly number[];
  readonly type: StorageType;
  readonly littleEndian: boolean;
  readonly rowMajor: boolean;
  /** Offset of the values. */
  readonly dataStart: number;
}

/** Opens the array in a file. @throws FILE_FORMAT */
async function openNpy(source: RandomAccess): Promise<ContiguousArray> {
  const start = await source.read(0, Math.min(source.size, maximumHeaderBytes + 12));
  const header = readNpyHeader(source.name, start, source.size);
  return new ContiguousArray(source, header.dataStart, header.shape, header.type, header);
}

/**
 * Reads what an array is from the first bytes of its file.
 *
 * @param file named in errors
 * @param bytes its start, header and all
 * @param fileBytes of the whole file
 * @throws FILE_FORMAT when the file is damaged, truncated or holds objects rather than numbers
 */
export function readNpyHeader(file: string, bytes: Uint8Array, fileBytes = bytes.byteLength): NpyHeader {
  const invalid = (reason: string): Error => failure('FILE_FORMAT', { file, expected: 'NumPy', reason });
  if (!isNpy(bytes) || bytes.byteLength < 12) throw invalid('it does not begin with the NumPy magic');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6]!;
  const headerStart = major === 1 ? 10 : 12;
  const headerLength = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const dataStart = headerStart + headerLength;
  if (headerLength > maximumHeaderBytes)
    throw invalid(`its header has ${headerLength} bytes, more than ${maximumHeaderBytes}`);
  if (dataStart > bytes.byteLength) throw invalid('its header is truncated');
  const header = Buffer.from(bytes.subarray(headerStart, dataStart)).toString('latin1');

  const description = /'descr':\s*'([<>|=])([a-zA-Z]\d+)'/.exec(header);
  const order = /'fortran_order':\s*(True|False)/.exec(header);
  const shapeText = /'shape':\s*\(([^)]*)\)/.exec(header);
  if (description === null || order === null || shapeText === null) {
    throw invalid('its header does not describe an array of numbers');
  }
  const type = description[2]!.replace('b1', 'u1');
  if (!isStorageType(type)) throw invalid(`values of type ${type} are not read; save it as float32 or an integer type`);
  const shape = shapeText[1]!
    .split(',')
    .filter((size) => size.trim() !== '')
    .map((size) => (/^\s*\d+\s*$/.test(size) ? Number(size) : Number.NaN));
  const wanted = elementCount(shape) * bytesOf(type);
  if (shape.length > maximumDimensions || !shape.every(Number.isSafeInteger) || !Number.isSafeInteger(wanted)) {
    throw invalid(`its shape (${shapeText[1]!.trim()}) is not one of an array`);
  }
  if (fileBytes - dataStart !== wanted) {
    throw invalid(`[${shape.join(', ')}] of ${type} needs ${wanted} bytes, the file holds ${fileBytes - dataStart}`);
  }
  return { shape, type, littleEndian: description[1] !== '>', rowMajor: order[1] === 'False', dataStart };
}

/**
 * Reads a whole array that is in memory.
 *
 * @param file named in errors
 * @throws FILE_FORMAT, as `readNpyHeader`
 */
export function readNpy(file: string, bytes: Uint8Array): RasterArray {
  const { shape, type, littleEndian, rowMajor, dataStart } = readNpyHeader(file, bytes);
  const values = decodeStored(file, new Uint8Array(bytes.subarray(dataStart)), type, littleEndian);
  return { shape, values: rowMajor ? values : fromColumnMajor(shape, values, type) };
}

/** Turns values from column-major order into row-major order. */
function fromColumnMajor(shape: readonly number[], values: NumericArray, type: StorageType): NumericArray {
  const result = emptyArray(memoryType(type), values.length);
  const strides: number[] = [];
  let stride = 1;
  for (const size of shape) {
    strides.push(stride);
    stride *= size;
  }
  gatherRowMajor(result, values, shape, strides);
  return result;
}

/** Writes version 1.0, row-major, little-endian. */
export function writeNpy({ shape, values }: RasterArray): Uint8Array {
  const type = typeOf(values);
  const order = bytesOf(type) === 1 ? '|' : '<';
  const tuple = shape.length === 1 ? `${shape[0]!},` : shape.join(', ');
  const header = `{'descr': '${order}${type}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const padded = header + ' '.repeat((64 - ((10 + header.length + 1) % 64)) % 64) + '\n';
  const prefix = Buffer.concat([magic, Buffer.from([1, 0, padded.length & 0xff, padded.length >> 8])]);
  const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return Buffer.concat([prefix, Buffer.from(padded, 'latin1'), data]);
}
