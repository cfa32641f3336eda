/** Zarr, versions 2 and 3, in a folder; read chunk by chunk by zarrita. https://zarr-specs.readthedocs.io */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { failure } from '@hyperswap/errors';
import * as zarr from 'zarrita';
import { elementCount, type NumericArray, type StorageType } from '../array.js';
import { arrayRaster } from '../arrays/array-raster.js';
import type { ArrayAttributes, ArrayContainer, ArrayDescription, ArrayReader } from '../arrays/array-reader.js';
import type { RasterFormat } from '../raster-format.js';
import { nanometresOf } from '../spectrum/nanometres.js';

const metadataFiles = ['zarr.json', '.zarray'];
const maximumFolders = 1000;
const maximumDepth = 8;
const maximumMetadataBytes = 16 * 1024 ** 2;
/** Bytes of a chunk, packed or not. */
const maximumChunkBytes = 256 * 1024 ** 2;
/** Names that axes of bands go by. */
const bandNames = ['band', 'bands', 'wavelength', 'wavelengths', 'wl', 'spectral', 'lambda'];

const types: Readonly<Record<string, StorageType>> = {
  bool: 'u1',
  int8: 'i1',
  uint8: 'u1',
  int16: 'i2',
  uint16: 'u2',
  int32: 'i4',
  uint32: 'u4',
  int64: 'i8',
  uint64: 'u8',
  float32: 'f4',
  float64: 'f8',
};

type OpenArray = Awaited<ReturnType<typeof openArray>>;

export const zarrFormat: RasterFormat = {
  name: 'Zarr',
  sniff: (head, _, beside) => isZarr(head, beside),
  open: async (source, options) => {
    const invalid = (reason: string, cause?: unknown): Error =>
      failure('FILE_FORMAT', { file: source.name, expected: 'Zarr', reason }, cause);
    if (source.path === undefined) throw invalid('only a folder on this machine is read');
    const root = new FolderStore(path.dirname(source.path), invalid);
    const names = await listArrays(root.folder, invalid);
    const arrays = new Map<string, OpenArray>();
    for (const name of names) {
      try {
        arrays.set(name, await openArray(root, name));
      } catch (cause) {
        throw invalid(`its array ${name} cannot be opened: ${(cause as Error).message}`, cause);
      }
    }
    const descriptions = [...arrays].map(([name, array]): ArrayDescription => ({
      name,
      shape: array.shape,
      type: types[array.dtype],
    }));
    const chosen = (name: string): ArrayReader => readerOf(arrays.get(name)!, invalid);
    const container: ArrayContainer = {
      arrays: descriptions,
      open: (name) => Promise.resolve(chosen(name)),
      close: () => Promise.resolve(),
    };
    const only = descriptions.filter(({ shape }) => shape.length === 3);
    const wanted =
      options.variable === undefined ? only[0] : descriptions.find(({ name }) => name === options.variable);
    const axes = wanted === undefined ? undefined : axesByName(arrays.get(wanted.name)!);
    return arrayRaster(source, axes === undefined ? container : { ...container, axes }, options);
  },
};

/** Tells the metadata of a store, which is JSON with other JSON beside it. */
export function isZarr(head: Uint8Array, beside: readonly string[]): boolean {
  const text = Buffer.from(head).toString('utf8').trimStart();
  const isNamed = [...metadataFiles, '.zgroup'].some((name) => beside.includes(name));
  return text.startsWith('{') && (isNamed || text.includes('"zarr_format"'));
}

/** Files of a folder, as zarrita reads them. */
class FolderStore {
  constructor(
    readonly folder: string,
    private readonly invalid: (reason: string) => Error,
  ) {}

  async get(key: string): Promise<Uint8Array | undefined> {
    const file = path.join(this.folder, key);
    try {
      const { size } = await stat(file);
      if (size > maximumChunkBytes) throw this.invalid(`${key} has ${size} bytes, more than ${maximumChunkBytes}`);
      return new Uint8Array(await readFile(file));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
      throw error;
    }
  }
}

function openArray(store: FolderStore, name: string) {
  const root = zarr.root(store as unknown as zarr.Readable);
  return zarr.open(name === '' ? root : root.resolve(name), { kind: 'array' });
}

/** Paths of the arrays in a folder; empty for the folder itself. */
async function listArrays(folder: string, invalid: (reason: string) => Error): Promise<string[]> {
  const found: string[] = [];
  let folders = 0;
  const visit = async (relative: string, depth: number): Promise<void> => {
    if (++folders > maximumFolders || depth > maximumDepth)
      throw invalid(`it has more than ${maximumFolders} folders, or they are nested deeper than ${maximumDepth}`);
    const entries = await readdir(path.join(folder, relative), { withFileTypes: true });
    for (const file of metadataFiles) {
      if (!entries.some((entry) => entry.name === file && entry.isFile())) continue;
      const place = path.join(folder, relative, file);
      if ((await stat(place)).size > maximumMetadataBytes)
        throw invalid(`${file} has more than ${maximumMetadataBytes} bytes`);
      const content = await readFile(place, 'utf8');
      if (file === '.zarray' || /"node_type"\s*:\s*"array"/.test(content)) {
        found.push(relative);
        return;
      }
    }
    for (const entry of entries) {
      if (entry.isDirectory()) await visit(relative === '' ? entry.name : `${relative}/${entry.name}`, depth + 1);
    }
  };
  await visit('', 0);
  return found;
}

function readerOf(array: OpenArray, invalid: (reason: string, cause?: unknown) => Error): ArrayReader {
  const type = types[array.dtype]!;
  const { shape, chunks, attrs } = array;
  if (elementCount(chunks) * Number(type[1]) > maximumChunkBytes)
    throw invalid(`its chunks have more than ${maximumChunkBytes} bytes`);
  return {
    shape,
    type,
    attributes: attributesOf(attrs, shape),
    read: async (start, count) => {
      try {
        const part = await zarr.get(
          array as zarr.Array<zarr.NumberDataType>,
          start.map((first, axis) => zarr.slice(first, first + count[axis]!)),
        );
        return { values: toNumbers(part.data as unknown, invalid), strides: part.stride };
      } catch (cause) {
        throw invalid(`a chunk cannot be read: ${(cause as Error).message}`, cause);
      }
    },
  };
}

function toNumbers(data: unknown, invalid: (reason: string) => Error): NumericArray {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    return Float64Array.from(data, (value) => {
      const number = Number(value);
      if (!Number.isSafeInteger(number)) throw invalid(`it holds the 64-bit integer ${value}, which is beyond 2^53`);
      return number;
    });
  }
  if (ArrayBuffer.isView(data)) return data as NumericArray;
  // Truth values have an array type of their own.
  return Uint8Array.from(data as Iterable<boolean>, Number);
}

function attributesOf(attributes: Readonly<Record<string, unknown>>, shape: readonly number[]): ArrayAttributes {
  const number = (name: string): number | undefined =>
    typeof attributes[name] === 'number' ? attributes[name] : undefined;
  const [nodata, scale, offset] = [number('_FillValue'), number('scale_factor'), number('add_offset')];
  const list = attributes.wavelength ?? attributes.wavelengths;
  const isList = Array.isArray(list) && list.every((value) => typeof value === 'number' && Number.isFinite(value));
  const fits = isList && (list.length === shape[0] || list.length === shape.at(-1));
  const unit = typeof attributes.wavelength_units === 'string' ? attributes.wavelength_units : undefined;
  return {
    ...(nodata !== undefined && { nodata }),
    ...(scale !== undefined && { scale }),
    ...(offset !== undefined && { offset }),
    ...(fits && { wavelengths: nanometresOf(list as number[], unit) }),
  };
}

/** Order of the axes, where the array names them: `dimension_names` of version 3, `_ARRAY_DIMENSIONS` of xarray. */
function axesByName(array: OpenArray): ArrayContainer['axes'] {
  const names = (array as { dimensionNames?: unknown }).dimensionNames ?? array.attrs._ARRAY_DIMENSIONS;
  if (!Array.isArray(names) || names.length !== 3) return undefined;
  const isBand = (name: unknown): boolean => typeof name === 'string' && bandNames.includes(name.toLowerCase());
  if (isBand(names[0])) return 'bands-first';
  return isBand(names[2]) ? 'bands-last' : undefined;
}
