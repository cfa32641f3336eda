import { failure } from '@hyperswap/errors';
import { Random } from '@hyperswap/tensor';

/** Which pixels train and which test; a pixel is row · width + column, its label from 1. */
export interface Split {
  readonly train: readonly number[];
  readonly test: readonly number[];
  readonly trainLabels: Uint8Array;
  readonly testLabels: Uint8Array;
  /** How it was made, in words, for reports. */
  readonly description: string;
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
  const trainPixels = labelled(train.labels);
  const testPixels = labelled(test.labels);
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
  };
}

/**
 * So many pixels of each class at random for training, the rest for the test. Neighbouring pixels land on both sides, so that
 * patches overlap: the test is optimistic about places far from any training pixel.
 *
 * @param smallCount for classes of fewer than 1.5 · count pixels, of which at least one is kept for the test
 * @throws SPLIT_INVALID
 */
export function splitPerClass(labels: Uint8Array, count: number, smallCount: number, seed: number): Split {
  if (count < 1) throw failure('SPLIT_INVALID', { reason: `${count} training pixels a class are too few` });
  const random = new Random(seed);
  const chosen = new Uint8Array(labels.length);
  const classes = labels.reduce((most, label) => Math.max(most, label), 0);
  for (let label = 1; label <= classes; label++) {
    const pixels = Int32Array.from(labelled(labels).filter((pixel) => labels[pixel] === label));
    const wanted = pixels.length >= 1.5 * count ? count : Math.min(smallCount, pixels.length - 1);
    for (const pixel of random.shuffle(pixels).subarray(0, Math.max(0, wanted))) chosen[pixel] = 1;
  }
  const train = labels.map((label, pixel) => (chosen[pixel] === 1 ? label : 0));
  const test = labels.map((label, pixel) => (chosen[pixel] === 1 ? 0 : label));
  return {
    ...splitByMaps({ name: 'train', labels: train }, { name: 'test', labels: test }),
    description: `random, ${count} pixels a class (${smallCount} of small classes), seed ${seed}; neighbours leak`,
  };
}

function labelled(labels: Uint8Array): number[] {
  const pixels: number[] = [];
  labels.forEach((label, pixel) => {
    if (label !== 0) pixels.push(pixel);
  });
  return pixels;
}
