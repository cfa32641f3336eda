import { failure } from '@hyperswap/errors';
import type { ReadOptions } from '../raster-format.js';

/**
 * Axes of an array that rows, columns and bands lie on. The band axis is undefined for an array of one band without
 * one.
 */
export interface Axes {
  readonly row: number;
  readonly column: number;
  readonly band: number | undefined;
}

/**
 * Tells the axes of an array: by the format, else by the user, else by the shape where it leaves no doubt. An array
 * whose first axis looks like the bands (it is the shortest, or the other two are equal) is not taken for one with the
 * bands last.
 *
 * @throws SCENE_SHAPE when the array has no or too many dimensions, AXES_AMBIGUOUS
 */
export function axesOf(
  file: string,
  shape: readonly number[],
  { axes, content = 'scene' }: ReadOptions,
  defined?: 'bands-first' | 'bands-last',
): Axes {
  if (shape.some((size) => size === 0)) {
    throw failure('SCENE_SHAPE', { file, reason: `it is empty, [${shape.join(', ')}]` });
  }
  if (shape.length === 2 && content === 'labels') return { row: 0, column: 1, band: undefined };
  if (shape.length !== 3) {
    throw failure('SCENE_SHAPE', { file, reason: `it has ${shape.length} dimensions, [${shape.join(', ')}]` });
  }
  const last = { row: 0, column: 1, band: 2 };
  const first = { row: 1, column: 2, band: 0 };
  const order = axes ?? defined;
  if (order !== undefined) return order === 'bands-first' ? first : last;
  const [a, b, c] = shape as [number, number, number];
  if (content === 'labels') return a === 1 && c !== 1 ? first : last;
  const isSquare = a === b && c !== a;
  const looksFirst = b === c || (a < b && a < c);
  if (isSquare || !looksFirst) return last;
  throw failure('AXES_AMBIGUOUS', {
    file,
    shape: shape.join(' × '),
    bandsFirst: `${b} × ${c} pixels of ${a} bands`,
    bandsLast: `${a} × ${b} pixels of ${c} bands`,
  });
}
