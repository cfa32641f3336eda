/**
 * Splits that draw single pixels at random. Neighbouring pixels land on both sides and their patches overlap, so the
 * test accuracy is optimistic for land far from any training pixel (Liang et al. 2017, doi:10.1109/TGRS.2016.2616489).
 */
import { failure } from '@hyperswap/errors';
import { Random } from '@hyperswap/random';
import { pixelsByClass } from './labelled-pixels.js';
import { splitByChoice, type Split } from './split.js';

/**
 * Draws `count` training pixels of each class; the rest are test pixels.
 *
 * @param smallCount for classes of fewer than 1.5 · count pixels, of which at least one is kept for the test
 * @throws SPLIT_INVALID
 */
export function splitPerClass(labels: Uint8Array, count: number, smallCount: number, seed: number): Split {
  if (count < 1) throw failure('SPLIT_INVALID', { reason: `${count} training pixels a class are too few` });
  const wanted = (pixels: number): number => (pixels >= 1.5 * count ? count : Math.min(smallCount, pixels - 1));
  const description = `random, ${count} pixels a class (${smallCount} of small classes), seed ${seed}; test pixels may lie beside training pixels`;
  return draw(labels, wanted, seed, description);
}

/**
 * Draws a given number of training pixels of each class; the rest are test pixels, at least one of each class.
 *
 * @param counts from class 1 on
 * @throws SPLIT_INVALID if a class of the labels has no count
 */
export function splitCounts(labels: Uint8Array, counts: readonly number[], seed: number): Split {
  const classes = pixelsByClass(labels).length;
  if (classes > counts.length) {
    throw failure('SPLIT_INVALID', { reason: `there are ${classes} classes and ${counts.length} counts` });
  }
  const wanted = (pixels: number, index: number): number => Math.min(counts[index]!, pixels - 1);
  return draw(
    labels,
    wanted,
    seed,
    `random, ${counts.join(', ')} pixels of the classes, seed ${seed}; test pixels may lie beside training pixels`,
  );
}

/**
 * Draws a share of each class for training: at least one pixel for training and at least one for the test.
 *
 * @throws SPLIT_INVALID
 */
export function splitFraction(labels: Uint8Array, share: number, seed: number): Split {
  if (!(share > 0 && share < 1)) {
    throw failure('SPLIT_INVALID', { reason: `a share of ${share} is not between 0 and 1` });
  }
  const wanted = (pixels: number): number => Math.min(pixels - 1, Math.max(1, Math.round(share * pixels)));
  return draw(
    labels,
    wanted,
    seed,
    `random, ${100 * share} % of each class, seed ${seed}; test pixels may lie beside training pixels`,
  );
}

function draw(
  labels: Uint8Array,
  wanted: (pixels: number, index: number) => number,
  seed: number,
  description: string,
): Split {
  const random = new Random(seed);
  const chosen = new Set<number>();
  pixelsByClass(labels).forEach((pixels, index) => {
    const shuffled = random.shuffle(Int32Array.from(pixels));
    for (const pixel of shuffled.subarray(0, Math.max(0, wanted(pixels.length, index)))) chosen.add(pixel);
  });
  return splitByChoice(labels, chosen, () => true, { description, blockSize: 0 });
}
