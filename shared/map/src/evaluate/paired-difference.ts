/** Differences of two classifications over folds, with an interval that heeds the dependence of neighbouring pixels. */
import { Random } from '@hyperswap/random';

/** Two classifications of the test pixels of one fold. */
export interface PairedFold {
  /** Block of the scene that each pixel lies in; the same numbers in all folds. */
  readonly blocks: readonly number[];
  readonly labels: Uint8Array;
  readonly first: Uint8Array;
  readonly second: Uint8Array;
}

/** Difference of the overall accuracies of the first and the second classification. */
export interface PairedDifference {
  /** Mean over the folds. */
  readonly difference: number;
  /** Limits of the 95 % interval. */
  readonly low: number;
  readonly high: number;
  readonly folds: number;
  readonly blocks: number;
}

const samples = 2000;
const tail = 0.025;

/**
 * Returns the mean difference over the folds with its percentile bootstrap interval. Whole blocks of the scene are drawn with
 * replacement, with their pixels of all folds, because neighbouring pixels, and folds of one scene, depend on each other (Roberts et al.
 * 2017, doi:10.1111/ecog.02881).
 *
 * @param folds at least one, of at least one pixel each
 */
export function pairedDifference(folds: readonly PairedFold[], seed = 1): PairedDifference {
  const places = new Map<number, number>();
  for (const { blocks } of folds) {
    for (const block of blocks) if (!places.has(block)) places.set(block, places.size);
  }
  const count = places.size;
  const sums = folds.map(({ blocks, labels, first, second }) => {
    const [gain, pixels] = [new Float64Array(count), new Float64Array(count)];
    labels.forEach((label, i) => {
      const place = places.get(blocks[i]!)!;
      gain[place]! += Number(first[i] === label) - Number(second[i] === label);
      pixels[place]! += 1;
    });
    return { gain, pixels };
  });
  const differenceOf = (weights: Float64Array): number => {
    let [total, told] = [0, 0];
    for (const { gain, pixels } of sums) {
      let [gained, all] = [0, 0];
      for (let place = 0; place < count; place++) {
        gained += weights[place]! * gain[place]!;
        all += weights[place]! * pixels[place]!;
      }
      if (all === 0) continue;
      total += gained / all;
      told += 1;
    }
    return total / told;
  };
  const random = new Random(seed);
  const drawn = Float64Array.from({ length: samples }, () => {
    const weights = new Float64Array(count);
    for (let draw = 0; draw < count; draw++) weights[Math.floor(random.uniform() * count)]! += 1;
    return differenceOf(weights);
  }).sort();
  const at = (share: number): number => drawn[Math.round(share * (samples - 1))]!;
  const difference = differenceOf(new Float64Array(count).fill(1));
  return { difference, low: at(tail), high: at(1 - tail), folds: folds.length, blocks: count };
}
