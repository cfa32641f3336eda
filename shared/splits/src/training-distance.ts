import { setImmediate } from 'node:timers/promises';

/** Largest distance that is measured; greater distances count as this one. */
export const farthestDistance = 255;
/** Pixels of one pass between two pauses, a few milliseconds of work. */
const pixelsAtOnce = 1_000_000;

/**
 * Returns the Chebyshev distance, in pixels, from each of some pixels to the nearest training pixel; 0 for a training
 * pixel, at most `farthestDistance`. A patch of side 2 · d + 1 holds a training pixel exactly where the distance is at
 * most d.
 *
 * Two passes over the scene with the neighbours' smallest distance plus one: exact for this metric, in linear time
 * (Rosenfeld and Pfaltz 1968, doi:10.1016/0031-3203(68)90013-7). The passes yield to the event loop, so that the thread
 * keeps answering.
 *
 * @param train and pixels as row · width + column
 */
export async function distancesToTraining(
  train: readonly number[],
  pixels: readonly number[],
  { height, width }: { readonly height: number; readonly width: number },
): Promise<Uint8Array> {
  // One unreachable pixel on either side of each row, and a row above and below, stand for what lies outside.
  const stride = width + 2;
  const field = new Uint8Array((height + 2) * stride).fill(farthestDistance);
  const place = (pixel: number): number => (Math.floor(pixel / width) + 1) * stride + (pixel % width) + 1;
  for (const pixel of train) field[place(pixel)] = 0;
  const rows = Math.max(1, Math.floor(pixelsAtOnce / stride));
  for (let row = 0; row < height; row++) {
    relaxRow(field, (row + 1) * stride + 1, width, stride, 1);
    if (row % rows === rows - 1) await setImmediate();
  }
  for (let row = height - 1; row >= 0; row--) {
    relaxRow(field, (row + 1) * stride + width, width, stride, -1);
    if (row % rows === 0) await setImmediate();
  }
  return Uint8Array.from(pixels, (pixel) => field[place(pixel)]!);
}

/**
 * Lowers a row's distances by those before it and by those of the row before.
 *
 * @param step 1 for forwards, -1 for backwards
 */
function relaxRow(field: Uint8Array, start: number, width: number, stride: number, step: 1 | -1): void {
  for (let column = 0, at = start; column < width; column++, at += step) {
    const before = at - step * stride;
    const nearest = Math.min(field[at - step]!, field[before - 1]!, field[before]!, field[before + 1]!);
    if (nearest + 1 < field[at]!) field[at] = nearest + 1;
  }
}
