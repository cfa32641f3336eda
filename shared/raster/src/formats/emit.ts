/**
 * EMIT L2A surface reflectance, NetCDF-4 (NASA JPL, "EMIT L2A Algorithm: Surface Reflectance and Scene Content
 * Classification"): a raster in the sensor's geometry. It has no affine transform; the product's lookup table
 * (`location/glt_x`, `glt_y`) places its pixels. Its numbers count from 1, 0 is a cell without a pixel, and a negative
 * one is a cell that the nearest pixel fills.
 */
import { memoryType, type NumericArray } from '../array.js';
import { arrayWindow } from '../arrays/array-raster.js';
import { rowMajorStrides, type ArrayReader } from '../arrays/array-reader.js';
import { requireMapSize } from '../lookup-table.js';
import type { AffineTransform, LookupTable, RasterInfo } from '../raster-info.js';
import type { Hdf5File } from './hdf5/hdf5-file.js';
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
      lookupTable: await lookupTableOf(source.name, file, info),
      maskBeside: maskNameBeside(source.name, await source.siblings()),
      readWindow: (window, chosen) => arrayWindow(source.name, array, axes, info, window, chosen),
      close: async () => {
        await file.close();
        await source.close();
      },
    };
  },
};

/** Name of the mask file of a reflectance file among the files beside it. */
function maskNameBeside(name: string, beside: readonly string[]): string | undefined {
  const wanted = name.replace(/_L2A_RFL_/i, '_L2A_MASK_').toLowerCase();
  return wanted === name.toLowerCase() ? undefined : beside.find((other) => other.toLowerCase() === wanted);
}

/**
 * Layers of the variable `mask`: cloud, cirrus, water, spacecraft, dilated cloud, two that are quantities, and their
 * sum.
 */
const maskLayers = 8;
/** Layers that hide the ground: cloud, cirrus, spacecraft and dilated cloud. Water is land cover. */
const hidingLayers = [0, 1, 3, 4];

/**
 * Mask file of EMIT L2A, as a raster of one band: 1 where the ground is hidden (NASA, "How to: Use EMIT Quality Data").
 */
export const emitMaskProduct: Hdf5Product = {
  name: 'EMIT L2A mask',
  matches: (file) => file.find('mask')?.shape.length === 3 && file.find('band_mask') !== undefined,
  open: (source, file) => {
    const { shape, type } = file.find('mask')!;
    const [height, width, layers] = shape as [number, number, number];
    if (type === undefined || layers !== maskLayers)
      throw file.invalid(`its mask has ${layers} layers, not ${maskLayers}`);
    const info: RasterInfo = {
      height,
      width,
      bands: 1,
      type: 'u1',
      variables: file.datasets.map((dataset) => ({ name: dataset.path, shape: dataset.shape, type: dataset.type })),
      variable: 'mask',
    };
    return Promise.resolve({
      info,
      readWindow: async ({ row, column, height: rows, width: columns }) => {
        const flags = await file.read('mask', [row, column, 0], [rows, columns, layers]);
        return Uint8Array.from({ length: rows * columns }, (_, pixel) =>
          hidingLayers.some((layer) => flags[pixel * layers + layer]! > 0) ? 1 : 0,
        );
      },
      close: async () => {
        await file.close();
        await source.close();
      },
    });
  },
};

const [tableColumns, tableRows] = ['location/glt_x', 'location/glt_y'];

/** @returns undefined where the file has no table, or does not tell where its map lies */
async function lookupTableOf(
  name: string,
  file: Hdf5File,
  raster: Pick<RasterInfo, 'height' | 'width'>,
): Promise<LookupTable | undefined> {
  const [columns, rows] = [file.find(tableColumns), file.find(tableRows)];
  const { geotransform, spatial_ref: wkt } = await file.attributes('', ['geotransform', 'spatial_ref']);
  if (columns?.shape.length !== 2 || rows === undefined || !Array.isArray(geotransform)) return undefined;
  const [height, width] = columns.shape as [number, number];
  const [x, perColumnX, perRowX, y, perColumnY, perRowY] = geotransform as number[];
  const transform = [perColumnX, perRowX, x, perColumnY, perRowY, y];
  if (rows.shape.join() !== columns.shape.join() || !transform.every((value) => Number.isFinite(value))) {
    throw file.invalid('its lookup table and its place on Earth do not fit each other');
  }
  requireMapSize(name, { height, width });
  return {
    height,
    width,
    crs: typeof wkt === 'string' && wkt !== '' ? { wkt } : undefined,
    transform: transform as unknown as AffineTransform,
    readRows: async (row, count) => {
      const [fromRows, fromColumns] = [
        await file.read(tableRows, [row, 0], [count, width]),
        await file.read(tableColumns, [row, 0], [count, width]),
      ];
      return Int32Array.from(fromRows, (fromRow, cell) => {
        const [sourceRow, sourceColumn] = [Math.abs(fromRow) - 1, Math.abs(fromColumns[cell]!) - 1];
        const isInside =
          sourceRow >= 0 && sourceRow < raster.height && sourceColumn >= 0 && sourceColumn < raster.width;
        return isInside ? sourceRow * raster.width + sourceColumn : -1;
      });
    },
  };
}
