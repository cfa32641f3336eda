/**
 * Differences of two classifications over folds, with an interval that accounts for the dependence of neighbouring
 * pixels.
 */
import { Random } from '@hyperswap/random';

/** Two classifications of the test pixels of one fold. */
export interface PairedFold {
  /** Block of the scene that each pixel lies in; the same numbers in all folds. */
  readonly blocks: readonly number[];
  readonly labels: Uint8Array;
  readonly first: Uint8Array;
  readonly second: Uint8Array;
}

/** Difference of an accuracy of two classifications: the mean over the folds, and the limits of its 95 % interval. */
export interface AccuracyDifference {
  readonly difference: number;
  readonly low: number;
  readonly high: number;
}

/** Difference of the overall accuracies of the first and the second classification. */
export interface PairedDifference extends AccuracyDifference {
  /** Difference of the average accuracies. */
  readonly average: AccuracyDifference;
  readonly folds: number;
  readonly blocks: number;
}

/** Test pixels of one class in one block of a fold. */
interface Cell {
  readonly place: number;
  readonly label: number;
  /** Pixels that the first classification has right less those that the second has. */
  gain: number;
  pixels: number;
}

interface Differences {
  readonly overall: number;
  readonly average: number;
}

const samples = 2000;
const tail = 0.025;

/**
 * Returns the mean differences over the folds with their percentile bootstrap intervals. Whole blocks of the scene are
 * drawn with replacement, with their pixels of all folds, because neighbouring pixels, and folds of one scene, depend
 * on each other (Roberts et al. 2017, doi:10.1111/ecog.02881). The average accuracy of a draw is over the classes that
 * it holds.
 *
 * @param folds at least one, of at least one pixel each
 */
export function pairedDifference(folds: readonly PairedFold[], seed = 1): PairedDifference {
  const places = new Map<number, number>();
  for (const { blocks } of folds) {
    for (const block of blocks) if (!places.has(block)) places.set(block, places.size);
  }
  const count = places.size;
  const cells = folds.map((fold) => cellsOf(fold, places));
  const random = new Random(seed);
  const drawn = Array.from({ length: samples }, () => {
    const weights = new Float64Array(count);
    for (let draw = 0; draw < count; draw++) weights[Math.floor(random.uniform() * count)]! += 1;
    return meanDifferences(cells, weights);
  });
  const whole = meanDifferences(cells, new Float64Array(count).fill(1));
  const within = (value: (differences: Differences) => number): AccuracyDifference => {
    const sorted = Float64Array.from(drawn, value).sort();
    const at = (share: number): number => sorted[Math.round(share * (samples - 1))]!;
    return { difference: value(whole), low: at(tail), high: at(1 - tail) };
  };
  const average = within((differences) => differences.average);
  return { ...within(({ overall }) => overall), average, folds: folds.length, blocks: count };
}

function cellsOf({ blocks, labels, first, second }: PairedFold, places: ReadonlyMap<number, number>): Cell[] {
  const cells = new Map<number, Cell>();
  labels.forEach((label, i) => {
    const place = places.get(blocks[i]!)!;
    const key = place * 256 + label;
    const cell = cells.get(key) ?? { place, label, gain: 0, pixels: 0 };
    cells.set(key, cell);
    cell.gain += Number(first[i] === label) - Number(second[i] === label);
    cell.pixels += 1;
  });
  return [...cells.values()];
}

/** @param cells of each fold @param weights of the blocks */
function meanDifferences(cells: readonly (readonly Cell[])[], weights: Float64Array): Differences {
  let [overall, average, told] = [0, 0, 0];
  const [gains, sizes] = [new Float64Array(256), new Float64Array(256)];
  for (const fold of cells) {
    gains.fill(0);
    sizes.fill(0);
    for (const { place, label, gain, pixels } of fold) {
      gains[label]! += weights[place]! * gain;
      sizes[label]! += weights[place]! * pixels;
    }
    let [gained, all, shares, classes] = [0, 0, 0, 0];
    for (let label = 0; label < sizes.length; label++) {
      if (sizes[label] === 0) continue;
      gained += gains[label]!;
      all += sizes[label]!;
      shares += gains[label]! / sizes[label]!;
      classes += 1;
    }
    if (all === 0) continue;
    overall += gained / all;
    average += shares / classes;
    told += 1;
  }
  return { overall: overall / told, average: average / told };
}
