import { setImmediate } from 'node:timers/promises';
import { emptyArray, memoryType, type NumericArray } from '../array.js';
import type { ReadOptions } from '../raster-format.js';
import type { RasterInfo, RasterReader } from '../raster-info.js';
import type { RandomAccess } from '../source/random-access.js';
import { requireWindow, type Window } from '../window.js';
import type { ArrayContainer, ArrayReader, Box } from './array-reader.js';
import { axesOf, type Axes } from './axes.js';
import { chooseArray } from './choose-array.js';

/** Number of values between two yields to the event loop: a few milliseconds of work. */
const valuesOfTurn = 256 * 1024;

/**
 * Returns the raster in a file of arrays.
 *
 * @param more what the format knows of it beside the array's own attributes
 * @throws VARIABLE_MISSING, AXES_AMBIGUOUS, SCENE_SHAPE, FILE_FORMAT
 */
export async function arrayRaster(
  source: RandomAccess,
  container: ArrayContainer,
  options: ReadOptions,
  more: Partial<RasterInfo> = {},
): Promise<RasterReader> {
  const chosen = chooseArray(source.name, container, options);
  const array = await container.open(chosen.name);
  const axes = axesOf(source.name, array.shape, options, container.axes);
  const info: RasterInfo = {
    height: array.shape[axes.row]!,
    width: array.shape[axes.column]!,
    bands: axes.band === undefined ? 1 : array.shape[axes.band]!,
    type: memoryType(array.type),
    variables: container.arrays,
    variable: chosen.name,
    ...array.attributes,
    ...more,
  };
  return {
    info,
    readWindow: (window, bands) => arrayWindow(source.name, array, axes, info, window, bands),
    close: async () => {
      await container.close();
      await source.close();
    },
  };
}

/**
 * Reads a window of an array whose axes are known.
 *
 * @returns `[height, width, bands]`
 * @throws FILE_FORMAT, FIELD_INVALID when the window is not inside
 */
export async function arrayWindow(
  file: string,
  array: ArrayReader,
  axes: Axes,
  info: RasterInfo,
  window: Window,
  bands?: readonly number[],
): Promise<NumericArray> {
  const { row, column, height, width } = requireWindow(file, info, window);
  const chosen = bands ?? Array.from({ length: info.bands }, (_, band) => band);
  const firstBand = chosen.reduce((least, band) => Math.min(least, band), chosen[0] ?? 0);
  const lastBand = chosen.reduce((most, band) => Math.max(most, band), firstBand);
  const start: number[] = [];
  const count: number[] = [];
  const put = (axis: number, first: number, size: number): void => {
    start[axis] = first;
    count[axis] = size;
  };
  put(axes.row, row, height);
  put(axes.column, column, width);
  if (axes.band !== undefined) put(axes.band, firstBand, lastBand - firstBand + 1);
  const box = await array.read(start, count);
  const order = chosen.map((band) => band - firstBand);
  return interleave(box, axes, height, width, order, info.type);
}

async function interleave(
  box: Box,
  axes: Axes,
  height: number,
  width: number,
  order: readonly number[],
  type: RasterInfo['type'],
): Promise<NumericArray> {
  const { values, strides } = box;
  const [rowStride, columnStride] = [strides[axes.row]!, strides[axes.column]!];
  const bandStride = axes.band === undefined ? 0 : strides[axes.band]!;
  const bands = order.length;
  const isThere =
    rowStride === width * bands &&
    columnStride === bands &&
    (bands === 1 || bandStride === 1) &&
    values.length === height * width * bands;
  if (isThere && order.every((band, index) => band === index)) return values;
  const result = emptyArray(type, height * width * bands);
  let done = 0;
  // The fastest axis of the box innermost: bands or columns, whichever it is.
  for (let y = 0; y < height; y++) {
    for (let band = 0; band < bands; band++) {
      let from = y * rowStride + order[band]! * bandStride;
      let to = y * width * bands + band;
      for (let x = 0; x < width; x++, from += columnStride, to += bands) result[to] = values[from]!;
      done += width;
      if (done < valuesOfTurn) continue;
      done = 0;
      await setImmediate();
    }
  }
  return result;
}
