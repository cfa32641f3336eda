import type { Binding } from '@hyperswap/adapter';
import { gatherPatches } from '@hyperswap/spectralgpt';
import type { Tensor2D } from '@hyperswap/tensor';

/** Square of pixels with a halo that completes their patches. */
export interface Square {
  /** Pixels along one side, without the halo. */
  readonly side: number;
  /** Side of a patch in pixels, odd. */
  readonly patchSize: number;
}

/**
 * Classifies some pixels of a square, as tile-inference does it, without tiles and queue.
 *
 * @param pixels of the square with its halo, `[components, pixels]`
 * @param first of the pixels, row by row
 */
export function classifySome(
  binding: Binding,
  pixels: Tensor2D,
  { side, patchSize }: Square,
  first: number,
  count: number,
): void {
  const stride = side + patchSize - 1;
  const indices = new Int32Array(count * patchSize ** 2);
  let position = 0;
  for (let pixel = first; pixel < first + count; pixel++)
    for (let y = 0; y < patchSize; y++)
      for (let x = 0; x < patchSize; x++)
        indices[position++] = (Math.floor(pixel / side) + y) * stride + (pixel % side) + x;
  const patches = gatherPatches(pixels, indices);
  binding.classify(patches);
  patches.dispose();
}
