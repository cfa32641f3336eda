import { failure } from '@hyperswap/errors';
import type { GeoTransform, RasterArray } from '../array.js';
import { isGeoJson, readLabelShapes } from './label-shapes.js';
import { isLabelTable, readLabelTable } from './label-table.js';
import { readArray } from '../read-array.js';

/** Labels of a scene, 0 for unlabelled. */
export interface LabelMap {
  readonly name: string;
  /** `[height, width]`, row by row. */
  readonly labels: Uint8Array;
}

/**
 * Reads labels of a scene out of a file: a map of its size in any format of `readArray`, a table of pixels, or GeoJSON points and polygons. The content
 * decides which.
 *
 * @param variable of a file that holds several
 * @param classes names, for shapes that name their class
 * @throws FILE_FORMAT, VARIABLE_MISSING, LABELS_SHAPE, LABELS_VALUES
 */
export async function readLabels(
  file: string,
  bytes: Uint8Array,
  variable: string | undefined,
  scene: { readonly height: number; readonly width: number; readonly geoTransform?: GeoTransform },
  classes: readonly string[],
): Promise<Uint8Array> {
  if (isLabelTable(bytes)) return readLabelTable(file, bytes, scene);
  if (isGeoJson(bytes)) return readLabelShapes(file, bytes, scene, classes);
  return toLabels(`${file} ${variable ?? ''}`.trim(), await readArray(file, bytes, 2, variable), scene);
}

/**
 * Takes an array for the labels of a scene.
 *
 * @param source named in errors
 * @throws LABELS_SHAPE when it is not of the scene's size; LABELS_VALUES when a value is no label
 */
export function toLabels(
  source: string,
  { shape, values }: RasterArray,
  scene: { readonly height: number; readonly width: number },
): Uint8Array {
  const plane = shape.length === 3 && shape[2] === 1 ? shape.slice(0, 2) : shape;
  if (plane.length !== 2 || plane[0] !== scene.height || plane[1] !== scene.width) {
    throw failure('LABELS_SHAPE', {
      labels: source,
      found: shape.join(' × '),
      wanted: `${scene.height} × ${scene.width}`,
    });
  }
  for (const value of values) {
    if (!Number.isInteger(value) || value < 0 || value > 255) {
      throw failure('LABELS_VALUES', { labels: source, reason: `it holds the value ${value}` });
    }
  }
  return Uint8Array.from(values);
}
