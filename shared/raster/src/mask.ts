import { failure } from '@hyperswap/errors';
import type { ElementType, NumericArray } from './array.js';
import type { RasterReader } from './raster-info.js';

/**
 * Returns a raster without the pixels that a mask flags: all their bands have the nodata value, of numbers with a
 * fraction NaN where the raster has none.
 *
 * @param file name of the raster’s file, for errors
 * @param raster pixels, of any type
 * @param mask raster of one band and the same size; pixels that are not 0 are flagged
 * @throws FIELD_INVALID when the mask is of another size
 */
export function maskRaster(
  file: string,
  raster: RasterReader,
  mask: { readonly file: string; readonly raster: RasterReader },
): RasterReader {
  const { height, width, bands } = raster.info;
  const found = mask.raster.info;
  if (found.height !== height || found.width !== width || found.bands !== 1) {
    const reason = `${mask.file} has ${found.height} × ${found.width} pixels of ${found.bands} bands; ${file} needs one band of ${height} × ${width}`;
    throw failure('FIELD_INVALID', { field: '--mask', reason });
  }
  const { nodata: own, type } = raster.info;
  const isFloat = type.startsWith('f');
  const nodata = own !== undefined && (isFloat || Number.isFinite(own)) ? own : spareValue(type);
  return {
    ...raster,
    info: { ...raster.info, ...(!Number.isNaN(nodata) && { nodata }) },
    readWindow: async (window, chosen) => {
      const values = await raster.readWindow(window, chosen);
      const flags: NumericArray = await mask.raster.readWindow(window);
      const count = chosen?.length ?? bands;
      for (let pixel = 0; pixel < flags.length; pixel++) {
        if (flags[pixel] !== 0) values.fill(nodata, pixel * count, (pixel + 1) * count);
      }
      return values;
    },
    close: async () => {
      await raster.close();
      await mask.raster.close();
    },
  };
}

/** Value for pixels without data in a raster that names none: NaN, or the end of the range of whole numbers. */
function spareValue(type: ElementType): number {
  const bits = 8 * Number(type[1]);
  if (type.startsWith('f')) return Number.NaN;
  return type.startsWith('u') ? 2 ** bits - 1 : -(2 ** (bits - 1));
}
