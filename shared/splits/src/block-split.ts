/**
 * Spatially disjoint splits. Whole blocks of the scene are training blocks, others are test blocks, and a band around
 * the training blocks belongs to neither. The test accuracy therefore holds for land far from any training pixel
 * (Roberts et al. 2017, doi:10.1111/ecog.02881).
 */
import { failure } from '@hyperswap/errors';
import { Random } from '@hyperswap/random';
import { labelledPixels, pixelsByClass } from './labelled-pixels.js';
import { splitByChoice, type Split } from './split.js';

export interface BlockSplitOptions {
  /** Side of a block in pixels. */
  readonly blockSize: number;
  /** Share of the labelled blocks that become training blocks. */
  readonly trainShare: number;
  /** Maximum training pixels of a class; 0 for all. */
  readonly limit: number;
  /**
   * Width of the band around training blocks, in pixels, that is excluded from the test. Half a patch keeps every
   * training block out of every test patch.
   */
  readonly guard: number;
  readonly seed: number;
}

/** Returns the block of a pixel; blocks are numbered row by row. */
export function blockOf(pixel: number, width: number, blockSize: number): number {
  const row = Math.floor(pixel / width / blockSize);
  return row * Math.ceil(width / blockSize) + Math.floor((pixel % width) / blockSize);
}

/**
 * Draws training blocks at random until their share is reached. Each class that lies in several blocks gets at least
 * one of them. A class without training pixels is excluded from the test, because no classifier could learn it; the
 * description says how many.
 *
 * @throws SPLIT_INVALID if there are too few blocks
 */
export function splitByBlocks(labels: Uint8Array, width: number, options: BlockSplitOptions): Split {
  const { blockSize, trainShare, limit, guard, seed } = options;
  if (!(trainShare > 0 && trainShare < 1)) {
    throw failure('SPLIT_INVALID', { reason: `a share of ${trainShare} is not between 0 and 1` });
  }
  const random = new Random(seed);
  const byClass = pixelsByClass(labels);
  const blocks = new Set(labelledPixels(labels).map((pixel) => blockOf(pixel, width, blockSize)));
  if (blocks.size < 2) {
    throw failure('SPLIT_INVALID', {
      reason: `all labels lie in one block of ${blockSize} pixels: take smaller blocks`,
    });
  }
  const order = [...random.shuffle(Int32Array.from(blocks))];
  const training = new Set<number>();
  // Rare classes first: blocks chosen for them contain common classes too.
  for (const pixels of byClass.toSorted((a, b) => a.length - b.length)) {
    const own = new Set(pixels.map((pixel) => blockOf(pixel, width, blockSize)));
    if (own.size < 2 || [...own].some((block) => training.has(block))) continue;
    training.add(order.find((block) => own.has(block))!);
  }
  for (const block of order) {
    if (training.size >= Math.max(1, Math.round(trainShare * blocks.size))) break;
    training.add(block);
  }
  const chosen = new Set<number>();
  for (const pixels of byClass) {
    const inside = pixels.filter((pixel) => training.has(blockOf(pixel, width, blockSize)));
    const shuffled = random.shuffle(Int32Array.from(inside));
    for (const pixel of limit > 0 ? shuffled.subarray(0, limit) : shuffled) chosen.add(pixel);
  }
  const height = labels.length / width;
  const isNearTraining = (pixel: number): boolean => {
    const [row, column] = [Math.floor(pixel / width), pixel % width];
    const corner = (y: number, x: number): number =>
      blockOf(Math.min(Math.max(y, 0), height - 1) * width + Math.min(Math.max(x, 0), width - 1), width, blockSize);
    for (let y = row - guard; ; y = Math.min(y + blockSize, row + guard)) {
      for (let x = column - guard; ; x = Math.min(x + blockSize, column + guard)) {
        if (training.has(corner(y, x))) return true;
        if (x === column + guard) break;
      }
      if (y === row + guard) return false;
    }
  };
  const known = new Set([...chosen].map((pixel) => labels[pixel]!));
  const unknown = byClass.filter((pixels, index) => pixels.length > 0 && !known.has(index + 1)).length;
  const left = unknown > 0 ? `; ${unknown} classes have no training pixel and do not test` : '';
  const limited = limit > 0 ? `, at most ${limit} pixels a class` : '';
  return splitByChoice(labels, chosen, (pixel) => known.has(labels[pixel]!) && !isNearTraining(pixel), {
    description:
      `disjoint, ${training.size} of ${blocks.size} blocks of ${blockSize} × ${blockSize} pixels for training${limited}, ` +
      `guard ${guard}, seed ${seed}${left}`,
    blockSize,
  });
}
