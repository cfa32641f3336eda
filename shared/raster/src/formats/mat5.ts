/**
 * MATLAB level 5 MAT-files: real numeric arrays, also inside structures and cells, and sparse matrices.
 * "MAT-File Format", The MathWorks, chapter 1: a 128-byte header, then data elements, each possibly compressed by zlib.
 */
import { failure } from '@hyperswap/errors';
import { bytesOf, elementCount, type StorageType } from '../array.js';
import { arrayRaster } from '../arrays/array-raster.js';
import type { ArrayContainer, ArrayDescription, ArrayReader } from '../arrays/array-reader.js';
import { ContiguousArray } from '../arrays/contiguous-array.js';
import { SparseArray } from '../arrays/sparse-array.js';
import type { RasterFormat } from '../raster-format.js';
import { inflated } from '../source/inflated.js';
import type { RandomAccess } from '../source/random-access.js';

/** Data types (miXXX) by number. */
const storageTypes: Readonly<Record<number, StorageType>> = {
  1: 'i1',
  2: 'u1',
  3: 'i2',
  4: 'u2',
  5: 'i4',
  6: 'u4',
  7: 'f4',
  9: 'f8',
  12: 'i8',
  13: 'u8',
};
const miInt8 = 1;
const miInt32 = 5;
const miUint32 = 6;
const miMatrix = 14;
const miCompressed = 15;
/** Array classes (mxXXX_CLASS). */
const cellClass = 1;
const structClass = 2;
const objectClass = 3;
const charClass = 4;
const sparseClass = 5;
const firstNumericClass = 6;
const lastNumericClass = 15;
/** A variable of this version has less than 2 GiB; its size is stored in 32 bits. */
const maximumVariableBytes = 2 ** 32;
const maximumVariables = 10_000;
const maximumDepth = 16;
const maximumDimensions = 32;
const maximumNameBytes = 4096;
const maximumFieldBytes = 1024 ** 2;

export const mat5Format: RasterFormat = {
  name: 'MATLAB v5',
  sniff: isMat5,
  open: async (source, options) => arrayRaster(source, await openMat5(source), options),
};

function isMat5(head: Uint8Array): boolean {
  if (head.byteLength < 128) return false;
  const order = Buffer.from(head.subarray(126, 128)).toString('latin1');
  const version = order === 'IM' ? head[125] : head[124];
  return (order === 'IM' || order === 'MI') && version === 1;
}

/** Lists the arrays of a file. @throws FILE_FORMAT when it is damaged or truncated */
export async function openMat5(source: RandomAccess): Promise<ArrayContainer> {
  const file = new Mat5File(source, (await source.read(126, 2))[0] === 0x49);
  await file.list();
  return {
    arrays: file.found.map(({ description }) => description),
    axes: 'bands-last',
    open: (name) => file.open(name),
    close: () => file.close(),
  };
}

/** Tag of a data element. */
interface Element {
  readonly type: number;
  /** Offset of its bytes. */
  readonly start: number;
  readonly size: number;
  /** Offset of the next element. */
  readonly next: number;
}

interface FoundArray {
  readonly description: ArrayDescription;
  /** Compressed element that it is in; undefined when it is not compressed. */
  readonly within: Element | undefined;
  /** Offset of its matrix, in the file or in the inflated element. */
  readonly place: number;
}

/** Header of a matrix. */
interface Matrix {
  readonly arrayClass: number;
  readonly complex: boolean;
  readonly shape: readonly number[];
  readonly name: string;
  /** Offset of the part after the name. */
  readonly content: number;
  readonly end: number;
}

class Mat5File {
  readonly found: FoundArray[] = [];
  private opened: RandomAccess | undefined;

  constructor(
    private readonly source: RandomAccess,
    private readonly littleEndian: boolean,
  ) {}

  async list(): Promise<void> {
    let elements = 0;
    for (let offset = 128; offset < this.source.size; elements++) {
      if (elements === maximumVariables) throw this.invalid(`it holds more than ${maximumVariables} elements`);
      const element = await this.element(this.source, offset);
      if (element.type === miMatrix) await this.describe(this.source, offset, undefined, '', 0);
      else if (element.type === miCompressed) {
        const inside = this.inflate(element);
        try {
          const first = await this.element(inside, 0);
          if (first.type === miMatrix) await this.describe(inside, 0, element, '', 0);
        } finally {
          await inside.close();
        }
      }
      offset = element.next;
    }
  }

  async open(name: string): Promise<ArrayReader> {
    const { within, place } = this.found.find(({ description }) => description.name === name)!;
    await this.close();
    if (within !== undefined) this.opened = this.inflate(within);
    const source = this.opened ?? this.source;
    const matrix = await this.matrix(source, place);
    if (matrix.arrayClass === sparseClass) return this.sparse(source, matrix);
    const { type, element } = await this.numbers(source, matrix);
    return new ContiguousArray(source, element.start, matrix.shape, type, {
      littleEndian: this.littleEndian,
      rowMajor: false,
    });
  }

  async close(): Promise<void> {
    await this.opened?.close();
    this.opened = undefined;
  }

  private inflate({ start, size }: Element): RandomAccess {
    return inflated({
      source: this.source,
      offset: start,
      length: size,
      wrapping: 'zlib',
      limit: maximumVariableBytes,
    });
  }

  /** Notes an array, and those inside it. */
  private async describe(
    source: RandomAccess,
    place: number,
    within: Element | undefined,
    name: string,
    depth: number,
  ): Promise<void> {
    if (depth > maximumDepth) throw this.invalid(`its structures are nested deeper than ${maximumDepth}`);
    const matrix = await this.matrix(source, place);
    const { arrayClass, complex, shape } = matrix;
    const path = name === '' ? matrix.name : name;
    const note = (description: Omit<ArrayDescription, 'name' | 'shape'>): void => {
      if (this.found.length === maximumVariables) throw this.invalid(`it holds more than ${maximumVariables} arrays`);
      this.found.push({ description: { name: path, shape, ...description }, within, place });
    };
    const other = (text: string): void => note({ type: undefined, note: text });
    if (complex) other('complex');
    else if (arrayClass >= firstNumericClass && arrayClass <= lastNumericClass) {
      note({ type: (await this.numbers(source, matrix)).type });
    } else if (arrayClass === sparseClass) note({ type: 'f8', note: 'sparse' });
    else if (arrayClass === charClass) other('text');
    else if (arrayClass === cellClass) {
      other('cell');
      await this.describeCells(source, matrix, within, path, depth);
    } else if (arrayClass === structClass || arrayClass === objectClass) {
      if (arrayClass === structClass && elementCount(shape) === 1)
        await this.describeFields(source, matrix, within, path, depth);
      else other(arrayClass === structClass ? 'structures' : 'object');
    } else other('of unknown class');
  }

  private async describeCells(
    source: RandomAccess,
    matrix: Matrix,
    within: Element | undefined,
    path: string,
    depth: number,
  ): Promise<void> {
    let place = matrix.content;
    const cells = elementCount(matrix.shape);
    if (cells > maximumVariables) throw this.invalid(`its cell ${path} has more than ${maximumVariables} elements`);
    for (let index = 1; index <= cells; index++) {
      if (place >= matrix.end) throw this.invalid(`its cell ${path} is truncated`);
      const element = await this.element(source, place);
      if (element.type === miMatrix && element.size > 0)
        await this.describe(source, place, within, `${path}{${index}}`, depth + 1);
      place = element.next;
    }
  }

  private async describeFields(
    source: RandomAccess,
    matrix: Matrix,
    within: Element | undefined,
    path: string,
    depth: number,
  ): Promise<void> {
    const lengths = await this.element(source, matrix.content);
    const length =
      lengths.size === 4 ? this.view(await source.read(lengths.start, 4)).getInt32(0, this.littleEndian) : 0;
    const names = await this.element(source, lengths.next);
    if (names.size === 0) return;
    if (names.size / length > maximumVariables) throw this.invalid(`its structure ${path} has too many fields`);
    if (length < 1 || names.type !== miInt8 || names.size > maximumFieldBytes || names.size % length !== 0) {
      throw this.invalid(`the fields of its structure ${path} are damaged`);
    }
    const text = Buffer.from(await source.read(names.start, names.size));
    let place = names.next;
    for (let field = 0; field < names.size / length; field++) {
      const name = text
        .subarray(field * length, (field + 1) * length)
        .toString('latin1')
        .replace(/\0.*$/s, '');
      if (place >= matrix.end) throw this.invalid(`its structure ${path} is truncated`);
      const element = await this.element(source, place);
      if (element.type === miMatrix && element.size > 0)
        await this.describe(source, place, within, `${path}.${name}`, depth + 1);
      place = element.next;
    }
  }

  private async matrix(source: RandomAccess, place: number): Promise<Matrix> {
    const outer = await this.element(source, place);
    const end = outer.start + outer.size;
    const flags = await this.element(source, outer.start);
    if (flags.type !== miUint32 || flags.size !== 8) throw this.invalid('a variable has no flags');
    const word = this.view(await source.read(flags.start, 4)).getUint32(0, this.littleEndian);
    const dimensions = await this.element(source, flags.next);
    const rank = dimensions.size / 4;
    if (dimensions.type !== miInt32 || !Number.isInteger(rank) || rank < 1 || rank > maximumDimensions) {
      throw this.invalid('a variable has an unknown layout');
    }
    const sizes = this.view(await source.read(dimensions.start, dimensions.size));
    const shape = Array.from({ length: rank }, (_, axis) => sizes.getInt32(axis * 4, this.littleEndian));
    if (shape.some((size) => size < 0) || !Number.isSafeInteger(elementCount(shape))) {
      throw this.invalid(`a variable of [${shape.join(', ')}] cannot be`);
    }
    const name = await this.element(source, dimensions.next);
    if (name.size > maximumNameBytes || name.next > end + 8) throw this.invalid('the name of a variable is damaged');
    const text = Buffer.from(await source.read(name.start, name.size)).toString('latin1');
    return { arrayClass: word & 0xff, complex: (word & 0x0800) !== 0, shape, name: text, content: name.next, end };
  }

  /** MATLAB stores small whole numbers in smaller types than the variable's; the values are the same. */
  private async numbers(
    source: RandomAccess,
    { content, shape, name }: Matrix,
  ): Promise<{ type: StorageType; element: Element }> {
    const element = await this.element(source, content);
    const type = storageTypes[element.type];
    if (type === undefined) throw this.invalid(`its variable ${name} has an unknown layout`);
    if (element.size !== elementCount(shape) * bytesOf(type)) {
      throw this.invalid(`its variable ${name} of [${shape.join(', ')}] carries ${element.size} bytes`);
    }
    return { type, element };
  }

  private async sparse(source: RandomAccess, { shape, content, name }: Matrix): Promise<ArrayReader> {
    const rows = await this.element(source, content);
    const columns = await this.element(source, rows.next);
    const values = await this.element(source, columns.next);
    const type = storageTypes[values.type];
    const [height, width] = shape as [number, number];
    if (
      shape.length !== 2 ||
      type === undefined ||
      rows.type !== miInt32 ||
      columns.type !== miInt32 ||
      columns.size !== 4 * (width + 1)
    ) {
      throw this.invalid(`its sparse variable ${name} has an unknown layout`);
    }
    const part = (element: Element, stored: StorageType): ContiguousArray =>
      new ContiguousArray(source, element.start, [Math.floor(element.size / bytesOf(stored))], stored, {
        littleEndian: this.littleEndian,
        rowMajor: true,
      });
    return new SparseArray(
      this.source.name,
      [height, width],
      part(rows, 'i4'),
      part(columns, 'i4'),
      part(values, type),
    );
  }

  private async element(source: RandomAccess, offset: number): Promise<Element> {
    if (offset + 8 > source.size) throw this.invalid('it is truncated');
    const view = this.view(await source.read(offset, 8));
    const first = view.getUint32(0, this.littleEndian);
    // Small elements pack size and type into one word, and up to 4 bytes of data into the next.
    const small = first >>> 16 !== 0;
    const type = small ? first & 0xffff : first;
    const size = small ? first >>> 16 : view.getUint32(4, this.littleEndian);
    const start = offset + (small ? 4 : 8);
    if (start + size > source.size || (small && size > 4)) throw this.invalid('it is truncated');
    // Elements are padded to 8 bytes, but for compressed ones.
    const end = small ? offset + 8 : start + size;
    const next = type === miCompressed ? end : offset + Math.ceil((end - offset) / 8) * 8;
    return { type, start, size, next };
  }

  private view(bytes: Uint8Array<ArrayBuffer>): DataView {
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  private invalid(reason: string): Error {
    return failure('FILE_FORMAT', { file: this.source.name, expected: 'MATLAB v5', reason });
  }
}
