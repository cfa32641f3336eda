/**
 * EMIT L2A surface reflectance, NetCDF-4 (NASA JPL, "EMIT L2A Algorithm: Surface Reflectance and Scene Content Classification"): a raster
 * in the sensor's geometry. It has no affine transform; the product's lookup table (`location/glt_x`, `glt_y`) places its pixels.
 */
import { memoryType, type NumericArray } from '../array.js';
import { arrayWindow } from '../arrays/array-raster.js';
import { rowMajorStrides, type ArrayReader } from '../arrays/array-reader.js';
import type { RasterInfo } from '../raster-info.js';
import type { Hdf5Product } from './hdf5/product.js';

const cube = 'reflectance';
const bandGroup = 'sensor_band_parameters';
/** Value of pixels without data, where the file does not say it. */
const usualFill = -9999;

export const emitProduct: Hdf5Product = {
  name: 'EMIT L2A',
  matches: (file) => file.find(cube)?.shape.length === 3 && file.find(`${bandGroup}/wavelengths`) !== undefined,
  open: async (source, file) => {
    const { shape, type } = file.find(cube)!;
    if (type === undefined) throw file.invalid('its reflectance is no array of numbers');
    const [height, width, bands] = shape as [number, number, number];
    const list = async (name: string): Promise<number[] | undefined> => {
      const path = `${bandGroup}/${name}`;
      if (file.find(path) === undefined) return undefined;
      const values = await file.list(path);
      if (values.length !== bands) throw file.invalid(`its ${path} has ${values.length} values for ${bands} bands`);
      return values;
    };
    const { _FillValue: fill } = await file.attributes(cube, ['_FillValue']);
    // Early files do not tell the good bands; then all are taken as good.
    const good = await list('good_wavelengths');
    const info: RasterInfo = {
      height,
      width,
      bands,
      type: memoryType(type),
      wavelengths: await list('wavelengths'),
      fullWidths: await list('fwhm'),
      goodBands: good?.map((value) => value !== 0),
      nodata: typeof fill === 'number' ? fill : usualFill,
      variables: file.datasets.map((dataset) => ({ name: dataset.path, shape: dataset.shape, type: dataset.type })),
      variable: cube,
    };
    const array: ArrayReader = {
      shape,
      type,
      read: async (start, count): Promise<{ values: NumericArray; strides: number[] }> => ({
        values: await file.read(cube, start, count),
        strides: rowMajorStrides(count),
      }),
    };
    const axes = { row: 0, column: 1, band: 2 };
    return {
      info,
      readWindow: (window, chosen) => arrayWindow(source.name, array, axes, info, window, chosen),
      close: async () => {
        await file.close();
        await source.close();
      },
    };
  },
};
