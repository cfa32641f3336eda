/** Patches: the P × P neighbourhood of a pixel, reflected at the scene's border. */

import { reflect } from '@hyperswap/raster';

/**
 * Writes the pixel numbers (row · width + column) of one patch, row by row.
 *
 * @param target receives `patchSize²` numbers from `offset` on
 */
export function writePatchIndices(
  target: Int32Array,
  offset: number,
  centre: { readonly row: number; readonly column: number },
  patchSize: number,
  scene: { readonly height: number; readonly width: number },
): void {
  const half = patchSize >> 1;
  let position = offset;
  for (let dy = -half; dy <= half; dy++) {
    const row = reflect(centre.row + dy, scene.height) * scene.width;
    for (let dx = -half; dx <= half; dx++) target[position++] = row + reflect(centre.column + dx, scene.width);
  }
}

/** The eight ways to lay a square: four quarter turns, each plain or mirrored. */
export const orientationCount = 8;

/** A patch inside a larger square: how far its first row and column are from the square's, and the side of that. */
export interface PatchPlace {
  readonly row: number;
  readonly column: number;
  readonly side: number;
}

/**
 * For each place of an oriented patch, the place in the original it comes from; `orientation` 0 changes nothing.
 *
 * @param place where the patch lies in a larger square, of which the places are then; by default it is that square
 */
export function orientedOffsets(
  patchSize: number,
  orientation: number,
  place: PatchPlace = { row: 0, column: 0, side: patchSize },
): Int32Array {
  const last = patchSize - 1;
  const offsets = new Int32Array(patchSize ** 2);
  for (let row = 0; row < patchSize; row++) {
    for (let column = 0; column < patchSize; column++) {
      let [y, x] = orientation & 4 ? [column, row] : [row, column];
      if (orientation & 1) y = last - y;
      if (orientation & 2) x = last - x;
      offsets[row * patchSize + column] = (place.row + y) * place.side + place.column + x;
    }
  }
  return offsets;
}
