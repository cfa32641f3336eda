import { failure } from '@hyperswap/errors';
import { labelledPixels } from './labelled-pixels.js';

/** Training pixels and test pixels; a pixel is row · width + column, labels start at 1. */
export interface Split {
  readonly train: readonly number[];
  readonly test: readonly number[];
  readonly trainLabels: Uint8Array;
  readonly testLabels: Uint8Array;
  /** Description of the split for reports. */
  readonly description: string;
  /** Side of the blocks that separate training and test pixels; 0 if neighbouring pixels may be on both sides. */
  readonly blockSize: number;
}

/**
 * Splits by two given label maps.
 *
 * @throws SPLIT_INVALID if a pixel is in both
 */
export function splitByMaps(
  train: { readonly name: string; readonly labels: Uint8Array },
  test: { readonly name: string; readonly labels: Uint8Array },
): Split {
  const trainPixels = labelledPixels(train.labels);
  const testPixels = labelledPixels(test.labels);
  const shared = trainPixels.find((pixel) => test.labels[pixel] !== 0);
  if (shared !== undefined) {
    throw failure('SPLIT_INVALID', { reason: `pixel ${shared} is in both ${train.name} and ${test.name}` });
  }
  return {
    train: trainPixels,
    test: testPixels,
    trainLabels: Uint8Array.from(trainPixels, (pixel) => train.labels[pixel]!),
    testLabels: Uint8Array.from(testPixels, (pixel) => test.labels[pixel]!),
    description: `given maps ${train.name} / ${test.name}`,
    blockSize: 0,
  };
}

/** Takes all labelled pixels for training; none is left for a test. @throws SPLIT_INVALID if no pixel has a label */
export function splitAll(labels: Uint8Array): Split {
  const train = labelledPixels(labels);
  if (train.length === 0) throw failure('SPLIT_INVALID', { reason: 'no pixel has a label' });
  return {
    train,
    test: [],
    trainLabels: Uint8Array.from(train, (pixel) => labels[pixel]!),
    testLabels: new Uint8Array(),
    description: 'all labelled pixels; none is left for a test',
    blockSize: 0,
  };
}

/** Splits labelled pixels: the chosen ones are training pixels, the others test pixels. */
export function splitByChoice(
  labels: Uint8Array,
  chosen: ReadonlySet<number>,
  isLeft: (pixel: number) => boolean,
  { description, blockSize }: Pick<Split, 'description' | 'blockSize'>,
): Split {
  const pixels = labelledPixels(labels);
  const train = pixels.filter((pixel) => chosen.has(pixel));
  const test = pixels.filter((pixel) => !chosen.has(pixel) && isLeft(pixel));
  const labelsOf = (all: readonly number[]): Uint8Array => Uint8Array.from(all, (pixel) => labels[pixel]!);
  return { train, test, trainLabels: labelsOf(train), testLabels: labelsOf(test), description, blockSize };
}
