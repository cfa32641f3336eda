import type { RasterSize } from '../raster/pixel-map.js';

/**
 * Computes the distance of each pixel to the nearest of some pixels, in pixels along rows or columns, the larger counts
 * (Chebyshev): two passes over the raster (Rosenfeld and Pfaltz 1966). A test patch holds a training pixel where the
 * distance is at most half a patch.
 *
 * @param pixels row · width + column
 * @returns `[height, width]`, at most 65,535
 */
export function distancesTo(pixels: readonly number[], { height, width }: RasterSize): Uint16Array {
  const distances = new Uint16Array(height * width).fill(65_535);
  for (const pixel of pixels) distances[pixel] = 0;
  const take = (pixel: number, neighbour: number): void => {
    const found = distances[neighbour]! + 1;
    if (found < distances[pixel]!) distances[pixel] = found;
  };
  const pass = (row: number, column: number, step: 1 | -1): void => {
    const pixel = row * width + column;
    const [before, above] = [column - step, row - step];
    if (before >= 0 && before < width) take(pixel, pixel - step);
    if (above < 0 || above >= height) return;
    for (const side of [-1, 0, 1])
      if (column + side >= 0 && column + side < width) take(pixel, above * width + column + side);
  };
  for (let row = 0; row < height; row++) for (let column = 0; column < width; column++) pass(row, column, 1);
  for (let row = height - 1; row >= 0; row--) for (let column = width - 1; column >= 0; column--) pass(row, column, -1);
  return distances;
}
