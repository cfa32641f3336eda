/** Differences of a study's methods on the same test pixels. */
import { pairedDifference, type PairedDifference, type PairedFold } from '@hyperswap/map';
import type { RunResult } from './study-runs.js';
import { randomWeights } from './random-weights.js';
import type { StudyLine } from './study-summary.js';

/** Labels of a run's test pixels, in their order. */
export type Truth = (run: RunResult) => Uint8Array;

/** Grid of square blocks that the bootstrap draws from. */
export interface BlockGrid {
  /** Side of a block in pixels. */
  readonly side: number;
  readonly width: number;
}

const usualSide = 16;
/** More blocks would cost time and change nothing. */
const mostBlocks = 400;

/** Returns blocks of 16 × 16 pixels, or larger ones of large scenes. */
export function blockGrid({ height, width }: { readonly height: number; readonly width: number }): BlockGrid {
  return { side: Math.max(usualSide, Math.ceil(Math.sqrt((height * width) / mostBlocks))), width };
}

/**
 * Returns the difference of two lines over the seeds that both have, and in which both classify the same test pixels;
 * undefined where there is none.
 */
export function differenceOf(
  first: StudyLine,
  second: StudyLine,
  truth: Truth,
  grid: BlockGrid,
): PairedDifference | undefined {
  const folds = first.runs.flatMap((run): PairedFold[] => {
    const other = second.runs.find(({ seed }) => seed === run.seed);
    if (other === undefined || run.testPixels.length === 0 || !isSame(run.testPixels, other.testPixels)) return [];
    const blocks = run.testPixels.map((pixel) => blockOf(pixel, grid));
    return [{ blocks, labels: truth(run), first: predictionsOf(run), second: predictionsOf(other) }];
  });
  return folds.length === 0 ? undefined : pairedDifference(folds);
}

/** Returns the predictions of a run for its test pixels. */
export function predictionsOf({ testPredictions }: RunResult): Uint8Array {
  return new Uint8Array(Buffer.from(testPredictions, 'base64'));
}

/** Returns a difference of accuracies in percentage points, with its sign. */
export function inPoints(difference: number): string {
  return `${difference > 0 ? '+' : ''}${(100 * difference).toFixed(2)}`;
}

/** Difference of a method on a backbone and on random weights of the same structure. */
export interface PretrainingWorth {
  readonly label: string;
  readonly found: PairedDifference;
}

/** Returns the gain of each backbone's pretraining for each method; empty without runs on random weights. */
export function pretrainingWorth(lines: readonly StudyLine[], truth: Truth, grid: BlockGrid): PretrainingWorth[] {
  return lines.flatMap((line) => {
    if (line.backbone === randomWeights || line.isBaseline) return [];
    const twin = lines.find(
      ({ backbone, method, lambda, control }) =>
        backbone === randomWeights && method === line.method && lambda === line.lambda && control === line.control,
    );
    const found = twin && differenceOf(line, twin, truth, grid);
    return found === undefined ? [] : [{ label: line.label, found }];
  });
}

/** One row a pair of methods, for spreadsheets and data frames: the first less the second, shares from 0 to 1. */
export function differencesCsv(lines: readonly StudyLine[], truth: Truth, grid: BlockGrid): string {
  const rows = lines.flatMap((first, row) =>
    lines.slice(row + 1).flatMap((second) => {
      const found = differenceOf(first, second, truth, grid);
      if (found === undefined) return [];
      const { difference, low, high, average, folds, blocks } = found;
      const written = (values: readonly number[]): string[] => values.map((value) => value.toFixed(6));
      const overall = written([difference, low, high]);
      const byClass = written([average.difference, average.low, average.high]);
      return [[quoted(first.label), quoted(second.label), ...overall, folds, blocks, ...byClass].join(',')];
    }),
  );
  return `${['first,second,oa_difference,low_95,high_95,folds,blocks,aa_difference,aa_low_95,aa_high_95', ...rows].join('\n')}\n`;
}

function quoted(label: string): string {
  return label.includes(',') ? `"${label}"` : label;
}

function blockOf(pixel: number, { side, width }: BlockGrid): number {
  const [row, column] = [Math.floor(pixel / width), pixel % width];
  return Math.floor(row / side) * Math.ceil(width / side) + Math.floor(column / side);
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
