import { failure } from '@hyperswap/errors';
import { elementCount, type GeoTransform, type NumericArray, type RasterArray } from './array.js';

/** A scene as its sensor gave it, pixels row by row, the bands of a pixel together. */
export interface RawScene {
  readonly height: number;
  readonly width: number;
  readonly bands: number;
  /** `[height, width, bands]` */
  readonly values: NumericArray;
  readonly geoTransform?: GeoTransform;
}

export type AxisOrder = 'height-width-bands' | 'bands-height-width';

/**
 * Takes an array for a scene.
 *
 * @throws SCENE_SHAPE when it has not three dimensions, or one of them is empty
 */
export function toRawScene(file: string, array: RasterArray, order: AxisOrder): RawScene {
  const { shape, geoTransform } = array;
  if (shape.length !== 3) {
    throw failure('SCENE_SHAPE', { file, reason: `it has ${shape.length} dimensions, [${shape.join(', ')}]` });
  }
  if (elementCount(shape) === 0) throw failure('SCENE_SHAPE', { file, reason: `it is empty, [${shape.join(', ')}]` });
  const [a, b, c] = shape as [number, number, number];
  if (order === 'height-width-bands') return { height: a, width: b, bands: c, values: array.values, geoTransform };
  const pixels = b * c;
  const values = array.values.slice();
  for (let band = 0; band < a; band++)
    for (let pixel = 0; pixel < pixels; pixel++) values[pixel * a + band] = array.values[band * pixels + pixel]!;
  return { height: b, width: c, bands: a, values, geoTransform };
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
