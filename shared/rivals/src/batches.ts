/** Batches of labelled pixels. */
import type { Random } from '@hyperswap/random';

export interface Batches {
  /** Draws the order of an epoch. */
  readonly random: Random;
  /** Class of each training pixel, from 1. */
  readonly labels: Uint8Array;
  readonly batchSize: number;
}

/**
 * Runs the batches of an epoch in a random order.
 *
 * @param run takes a step on chosen pixels and their classes from 0, and returns their mean loss
 * @returns the mean loss of a pixel
 */
export async function overBatches(
  { random, labels, batchSize }: Batches,
  run: (chosen: Int32Array, places: Int32Array) => Promise<number>,
): Promise<number> {
  const count = labels.length;
  const order = random.shuffle(Int32Array.from({ length: count }, (_, pixel) => pixel));
  let sum = 0;
  for (let start = 0; start < count; start += batchSize) {
    const chosen = order.slice(start, start + batchSize);
    const places = chosen.map((pixel) => labels[pixel]! - 1);
    sum += chosen.length * (await run(chosen, places));
  }
  return sum / count;
}
