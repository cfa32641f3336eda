import type { StoredArray } from '../layout.js';

/** Rule that tells pixels with data from those without. */
export interface PixelRule {
  /** Bands of a pixel. */
  readonly bands: number;
  /** Bands that carry data, in their order; others are never read. */
  readonly goodBands: readonly number[];
  /** Value of bands without data; undefined when there is none. */
  readonly nodata: number | undefined;
  /** Pixels whose good bands are all zero have no data either. */
  readonly zeroIsNodata: boolean;
}

/** Largest magnitude whose square is finite in float32, the type of scores. */
const largestMagnitude = Math.sqrt((2 - 2 ** -23) * 2 ** 127);

/**
 * Writes a mask of some pixels: 1 for those with data. A pixel has none when one of its good bands is NaN, infinite or
 * so large that its square overflows, or when all of its good bands have the nodata value.
 *
 * @param values `[pixels, bands]` row by row
 * @param mask `[pixels]`
 * @returns number of pixels with data
 */
export function maskPixels(values: StoredArray, rule: PixelRule, mask: Uint8Array): number {
  const { bands, goodBands, zeroIsNodata } = rule;
  const isFloat = values instanceof Float32Array;
  // As the values are: a file may name -3.4028235e38 with more digits than float32 has.
  const nodata = rule.nodata === undefined ? NaN : isFloat ? Math.fround(rule.nodata) : rule.nodata;
  const isNever = Number.isNaN(nodata) && !zeroIsNodata;
  if (!isFloat && isNever) {
    mask.fill(1);
    return mask.length;
  }
  let valid = 0;
  for (let pixel = 0; pixel < mask.length; pixel++) {
    const start = pixel * bands;
    let isUsable = true;
    let isNodata = !Number.isNaN(nodata);
    let isZero = zeroIsNodata;
    for (const band of goodBands) {
      const value = values[start + band]!;
      // False for NaN too.
      if (!(Math.abs(value) <= largestMagnitude)) isUsable = false;
      if (value !== nodata) isNodata = false;
      if (value !== 0) isZero = false;
      if (!isNodata && !isZero && !isFloat) break;
    }
    const isValid = isUsable && !isNodata && !isZero;
    mask[pixel] = isValid ? 1 : 0;
    if (isValid) valid += 1;
  }
  return valid;
}
