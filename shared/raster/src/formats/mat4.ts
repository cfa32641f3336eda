/**
 * MATLAB level 4 MAT-files: matrices one after another, each with a header of five 32-bit words. "MAT-File Format", The
 * MathWorks, appendix on version 4. They have two dimensions, so that they hold labels rather than scenes.
 */
import { failure } from '@hyperswap/errors';
import { bytesOf, type StorageType } from '../array.js';
import { arrayRaster } from '../arrays/array-raster.js';
import type { ArrayDescription } from '../arrays/array-reader.js';
import { ContiguousArray } from '../arrays/contiguous-array.js';
import type { RasterFormat } from '../raster-format.js';
import type { RandomAccess } from '../source/random-access.js';

/** Types by the third decimal digit of a header's first word. */
const types: readonly StorageType[] = ['f8', 'f4', 'i4', 'i2', 'u2', 'u1'];
const headerBytes = 20;
const maximumMatrices = 1000;

interface Header {
  readonly littleEndian: boolean;
  readonly type: StorageType;
  /** 0 full, 1 text, 2 sparse. */
  readonly kind: number;
  readonly rows: number;
  readonly columns: number;
  readonly complex: boolean;
  readonly nameBytes: number;
}

export const mat4Format: RasterFormat = {
  name: 'MATLAB v4',
  // The format has no magic: a name that ends in .mat, and a header that makes sense.
  sniff: (head, name) => /\.mat$/i.test(name) && parseHeader(head) !== undefined,
  open: async (source, options) => {
    const found: { description: ArrayDescription; header: Header; start: number }[] = [];
    for (let offset = 0; offset < source.size;) {
      const header = parseHeader(await source.read(offset, headerBytes));
      if (header === undefined || found.length === maximumMatrices)
        throw invalid(source, 'a matrix has no header that makes sense');
      const { rows, columns, type, kind, complex, nameBytes } = header;
      const name = Buffer.from(await source.read(offset + headerBytes, nameBytes))
        .toString('latin1')
        .replace(/\0.*$/s, '');
      const start = offset + headerBytes + nameBytes;
      offset = start + rows * columns * bytesOf(type) * (complex ? 2 : 1);
      if (offset > source.size) throw invalid(source, `its matrix ${name} is truncated`);
      const note = kind === 1 ? 'text' : kind === 2 ? 'sparse' : 'complex';
      const isNumeric = kind === 0 && !complex;
      found.push({
        description: { name, shape: [rows, columns], type: isNumeric ? type : undefined, note },
        header,
        start,
      });
    }
    const open = (wanted: string): Promise<ContiguousArray> => {
      const { description, header, start } = found.find(({ description: { name } }) => name === wanted)!;
      const layout = { littleEndian: header.littleEndian, rowMajor: false };
      return Promise.resolve(new ContiguousArray(source, start, description.shape, header.type, layout));
    };
    const arrays = found.map(({ description }) => description);
    return arrayRaster(source, { arrays, axes: 'bands-last', open, close: () => Promise.resolve() }, options);
  },
};

function parseHeader(bytes: Uint8Array): Header | undefined {
  if (bytes.byteLength < headerBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const littleEndian of [true, false]) {
    const [word, rows, columns, imaginary, nameBytes] = [0, 4, 8, 12, 16].map((at) =>
      view.getUint32(at, littleEndian),
    ) as [number, number, number, number, number];
    const [machine, reserved, typeDigit, kind] = [1000, 100, 10, 1].map((place) => Math.floor(word / place) % 10) as [
      number,
      number,
      number,
      number,
    ];
    const type = types[typeDigit];
    if (word > 1999 || machine !== (littleEndian ? 0 : 1) || reserved !== 0 || type === undefined || kind > 2) continue;
    if (imaginary > 1 || nameBytes < 2 || nameBytes > 256 || rows * columns === 0) continue;
    return { littleEndian, type, kind, rows, columns, complex: imaginary === 1, nameBytes };
  }
  return undefined;
}

function invalid(source: RandomAccess, reason: string): Error {
  return failure('FILE_FORMAT', { file: source.name, expected: 'MATLAB v4', reason });
}
