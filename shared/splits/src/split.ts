import { failure } from '@hyperswap/errors';
import { labelledPixels } from './labelled-pixels.js';

/** Which pixels train and which test; a pixel is row · width + column, its label from 1. */
export interface Split {
  readonly train: readonly number[];
  readonly test: readonly number[];
  readonly trainLabels: Uint8Array;
  readonly testLabels: Uint8Array;
  /** How it was made, in words, for reports. */
  readonly description: string;
  /** Side of the blocks that keep training and test apart; 0 where neighbouring pixels may be on both sides. */
  readonly blockSize: number;
}

/**
 * Two label maps as they are.
 *
 * @throws SPLIT_INVALID when a pixel is in both
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

/** The labelled pixels that were chosen train, the others that are left test. */
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
