/**
 * NumPy's `.npy` files: magic, version, a Python dictionary as header, then the values.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import { failure } from '@hyperswap/errors';
import {
  decodeValues,
  elementCount,
  fromColumnMajor,
  isElementType,
  type ElementType,
  type RasterArray,
} from '../array.js';

const magic = Buffer.from('\x93NUMPY', 'latin1');

export function isNpy(bytes: Uint8Array): boolean {
  return bytes.byteLength >= 6 && magic.equals(bytes.subarray(0, 6));
}

export interface NpyHeader {
  readonly shape: readonly number[];
  readonly type: ElementType;
  readonly littleEndian: boolean;
  readonly rowMajor: boolean;
  /** Where the values begin. */
  readonly dataStart: number;
}

/**
 * What a file holds, from its first bytes.
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
  if (dataStart > bytes.byteLength) throw invalid('its header is truncated');
  const header = Buffer.from(bytes.subarray(headerStart, dataStart)).toString('latin1');

  const description = /'descr':\s*'([<>|=])([a-zA-Z]\d+)'/.exec(header);
  const order = /'fortran_order':\s*(True|False)/.exec(header);
  const shapeText = /'shape':\s*\(([^)]*)\)/.exec(header);
  if (description === null || order === null || shapeText === null) {
    throw invalid('its header does not describe an array of numbers');
  }
  const type = description[2]!.replace('b1', 'u1');
  if (!isElementType(type)) throw invalid(`values of type ${type} are not read; save it as float32 or an integer type`);
  const shape = shapeText[1]!
    .split(',')
    .filter((size) => size.trim() !== '')
    .map(Number);
  const wanted = elementCount(shape) * Number(type[1]);
  if (!shape.every(Number.isSafeInteger) || fileBytes - dataStart !== wanted) {
    throw invalid(`[${shape.join(', ')}] of ${type} needs ${wanted} bytes, the file holds ${fileBytes - dataStart}`);
  }
  return { shape, type, littleEndian: description[1] !== '>', rowMajor: order[1] === 'False', dataStart };
}

/**
 * @param file named in errors
 * @throws FILE_FORMAT, as `readNpyHeader`
 */
export function readNpy(file: string, bytes: Uint8Array): RasterArray {
  const { shape, type, littleEndian, rowMajor, dataStart } = readNpyHeader(file, bytes);
  const values = decodeValues(bytes.subarray(dataStart), type, littleEndian);
  return { shape, values: rowMajor ? values : fromColumnMajor(shape, values) };
}

const numpyTypes = new Map<string, string>([
  ['Uint8Array', '|u1'],
  ['Uint16Array', '<u2'],
  ['Int16Array', '<i2'],
  ['Int32Array', '<i4'],
  ['Float32Array', '<f4'],
  ['Float64Array', '<f8'],
]);

/** Writes version 1.0, row-major, little-endian. */
export function writeNpy({ shape, values }: RasterArray): Uint8Array {
  const type = numpyTypes.get(values.constructor.name);
  if (type === undefined) throw failure('INTERNAL', { reason: `no NumPy type for ${values.constructor.name}` });
  const tuple = shape.length === 1 ? `${shape[0]!},` : shape.join(', ');
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const padded = header + ' '.repeat((64 - ((10 + header.length + 1) % 64)) % 64) + '\n';
  const prefix = Buffer.concat([magic, Buffer.from([1, 0, padded.length & 0xff, padded.length >> 8])]);
  const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return Buffer.concat([prefix, Buffer.from(padded, 'latin1'), data]);
}
