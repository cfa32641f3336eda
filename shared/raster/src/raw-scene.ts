import { failure } from '@hyperswap/errors';
import type { NumericArray } from './array.js';

/** A scene as its sensor gave it, pixels row by row, the bands of a pixel together. */
export interface RawScene {
  readonly height: number;
  readonly width: number;
  readonly bands: number;
  /** `[height, width, bands]` */
  readonly values: NumericArray;
}

/**
 * Refuses pixels that no arithmetic can use.
 *
 * @throws PIXELS_NOT_FINITE with their count and the place of the first
 */
export function requireFinitePixels(scene: string, { values, bands, width }: RawScene): void {
  if (!(values instanceof Float32Array || values instanceof Float64Array)) return;
  let count = 0;
  let first = -1;
  for (let pixel = 0; pixel * bands < values.length; pixel++) {
    for (let band = 0; band < bands; band++) {
      if (Number.isFinite(values[pixel * bands + band])) continue;
      if (first < 0) first = pixel;
      count += 1;
      break;
    }
  }
  if (count > 0) {
    throw failure('PIXELS_NOT_FINITE', { scene, count, row: Math.floor(first / width), column: first % width });
  }
}
