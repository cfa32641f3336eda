/** HDF5, NetCDF-4 and MATLAB v7.3, whose files are HDF5 with the axes turned; read by h5wasm, in a thread. */
import { arrayRaster } from '../arrays/array-raster.js';
import {
  rowMajorStrides,
  type ArrayAttributes,
  type ArrayContainer,
  type ArrayReader,
} from '../arrays/array-reader.js';
import type { RasterFormat } from '../raster-format.js';
import { nanometresOf } from '../spectrum/nanometres.js';
import { emitMaskProduct, emitProduct } from './emit.js';
import { Hdf5File } from './hdf5/hdf5-file.js';
import type { Hdf5Product } from './hdf5/product.js';
import type { Hdf5Dataset } from './hdf5/messages.js';
import { prismaProduct } from './prisma.js';

const signature = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1');
/** Products that are more than an array by name. */
const products: readonly Hdf5Product[] = [emitProduct, emitMaskProduct, prismaProduct];
/** Names of a list, beside an array or above it, with the wavelength of each band. */
const wavelengthNames = ['wavelength', 'wavelengths'];

export const hdf5Format: RasterFormat = {
  name: 'HDF5 (NetCDF-4, MATLAB v7.3)',
  sniff: (head) => signature.equals(head.subarray(0, 8)) || isMatlab(head),
  open: async (source, options) => {
    const head = await source.read(0, Math.min(128, source.size));
    const file = await Hdf5File.open(source);
    try {
      const product = options.variable === undefined ? products.find((known) => known.matches(file)) : undefined;
      if (product !== undefined) return await product.open(source, file, options);
      return await arrayRaster(source, containerOf(file, isMatlab(head)), options);
    } catch (error) {
      await file.close();
      throw error;
    }
  },
};

function isMatlab(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, 10)).toString('latin1') === 'MATLAB 7.3';
}

function containerOf(file: Hdf5File, matlab: boolean): ArrayContainer {
  const nameOf = ({ path }: Hdf5Dataset): string => (matlab ? path.replaceAll('/', '.') : path);
  const shapeOf = ({ shape }: Hdf5Dataset): readonly number[] => (matlab ? [...shape].reverse() : shape);
  return {
    arrays: file.datasets.map((dataset) => ({ name: nameOf(dataset), shape: shapeOf(dataset), type: dataset.type })),
    ...(matlab && { axes: 'bands-last' as const }),
    open: async (name): Promise<ArrayReader> => {
      const dataset = file.datasets.find((known) => nameOf(known) === name)!;
      return {
        shape: shapeOf(dataset),
        type: dataset.type!,
        columnMajor: matlab,
        attributes: await attributesOf(file, dataset),
        read: async (start, count) => {
          if (!matlab) return { values: await file.read(dataset.path, start, count), strides: rowMajorStrides(count) };
          const turned = [...count].reverse();
          const values = await file.read(dataset.path, [...start].reverse(), turned);
          return { values, strides: rowMajorStrides(turned).reverse() };
        },
      };
    },
    close: () => file.close(),
  };
}

/** Attributes of the CF conventions, and wavelengths: an attribute of the array, or a list beside it. */
async function attributesOf(file: Hdf5File, { path, shape }: Hdf5Dataset): Promise<ArrayAttributes> {
  const found = await file.attributes(path, [
    '_FillValue',
    'missing_value',
    'scale_factor',
    'add_offset',
    ...wavelengthNames,
    'wavelength_units',
  ]);
  const number = (name: string): number | undefined => (typeof found[name] === 'number' ? found[name] : undefined);
  const [nodata, scale, offset] = [
    number('_FillValue') ?? number('missing_value'),
    number('scale_factor'),
    number('add_offset'),
  ];
  const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : '';
  const unit = typeof found.wavelength_units === 'string' ? found.wavelength_units : undefined;
  const own = wavelengthNames.map((name) => found[name]).find((value) => Array.isArray(value)) as number[] | undefined;
  const beside = [...wavelengthNames.map((name) => folder + name), ...wavelengthNames].find(
    (name) => file.find(name)?.shape.length === 1,
  );
  const wavelengths =
    own ?? (beside === undefined || file.find(beside)?.type === undefined ? undefined : await file.list(beside));
  const fits = wavelengths !== undefined && (shape[0] === wavelengths.length || shape.at(-1) === wavelengths.length);
  return {
    ...(nodata !== undefined && { nodata }),
    ...(scale !== undefined && { scale }),
    ...(offset !== undefined && { offset }),
    ...(fits && { wavelengths: nanometresOf(wavelengths, unit) }),
  };
}
