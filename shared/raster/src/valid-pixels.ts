import type { NumericArray } from './array.js';
import type { RasterInfo } from './raster-info.js';

/**
 * Tells the pixels that hold data: a pixel has none when all its bands have the nodata value, are zero where zero means
 * none, or when a band that is used is not finite.
 *
 * @param values `[pixels, bands]`
 * @returns one byte a pixel: 1 where it holds data
 */
export function validPixels(
  values: NumericArray,
  { bands, nodata, zeroIsNodata, goodBands }: Pick<RasterInfo, 'bands' | 'nodata' | 'zeroIsNodata' | 'goodBands'>,
): Uint8Array {
  const isFloat = values instanceof Float32Array || values instanceof Float64Array;
  const pixels = values.length / bands;
  const valid = new Uint8Array(pixels);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const start = pixel * bands;
    const first = values[start]!;
    const isEmpty = first === nodata || (zeroIsNodata === true && first === 0);
    let same = isEmpty;
    let finite = true;
    for (let band = 0; band < bands && (same || isFloat); band++) {
      const value = values[start + band]!;
      if (value !== first) same = false;
      if (isFloat && !Number.isFinite(value) && goodBands?.[band] !== false) finite = false;
    }
    if (!same && finite) valid[pixel] = 1;
  }
  return valid;
}
