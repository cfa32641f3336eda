import { failure } from '@hyperswap/errors';
import { Random } from '@hyperswap/random';
import { blockOf } from './block-split.js';
import type { Split } from './split.js';

/**
 * Sets a part of the training pixels aside to choose settings on. The result trains on the others and tests on that
 * part; it contains no test pixels. It holds back single pixels of each class in a split of single pixels, and whole
 * blocks in a split by blocks, so that the validation is as strict as the test.
 *
 * @param share of the training pixels, between 0 and 1
 * @throws SPLIT_INVALID if a side would be empty
 */
export function splitValidation(split: Split, width: number, share: number, seed: number): Split {
  const random = new Random(seed);
  const isHeld = split.blockSize > 0 ? holdBlocks(split, width, share, random) : holdPixels(split, share, random);
  const part = (held: boolean): [number[], Uint8Array] => {
    const places = split.train.flatMap((_, place) => (isHeld[place] === held ? [place] : []));
    return [places.map((place) => split.train[place]!), Uint8Array.from(places, (place) => split.trainLabels[place]!)];
  };
  const [train, trainLabels] = part(false);
  const [test, testLabels] = part(true);
  if (train.length === 0 || test.length === 0) {
    throw failure('SPLIT_INVALID', {
      reason: `${split.train.length} training pixels are too few to validate on ${100 * share} % of them`,
    });
  }
  const description = `validation on ${test.length} of the ${split.train.length} training pixels (${split.description})`;
  return { train, test, trainLabels, testLabels, description, blockSize: split.blockSize };
}

/** Marks the training pixels that are held back: a share of each class, never all of it. */
function holdPixels({ train, trainLabels }: Split, share: number, random: Random): boolean[] {
  const held = new Array<boolean>(train.length).fill(false);
  for (const label of new Set(trainLabels)) {
    const places = train.flatMap((_, place) => (trainLabels[place] === label ? [place] : []));
    const count = Math.min(places.length - 1, Math.max(1, Math.round(share * places.length)));
    for (const place of random.shuffle(Int32Array.from(places)).subarray(0, count)) held[place] = true;
  }
  return held;
}

/** Marks whole blocks until the share is reached; a block that contains all pixels of a class stays in training. */
function holdBlocks({ train, trainLabels, blockSize }: Split, width: number, share: number, random: Random): boolean[] {
  const blocks = train.map((pixel) => blockOf(pixel, width, blockSize));
  const heldBlocks = new Set<number>();
  const left = new Map<number, number>();
  for (const label of trainLabels) left.set(label, (left.get(label) ?? 0) + 1);
  let count = 0;
  for (const block of random.shuffle(Int32Array.from(new Set(blocks)))) {
    if (count >= share * train.length) break;
    const labels = new Map<number, number>();
    blocks.forEach((own, place) => {
      if (own === block) labels.set(trainLabels[place]!, (labels.get(trainLabels[place]!) ?? 0) + 1);
    });
    if ([...labels].some(([label, pixels]) => left.get(label) === pixels)) continue;
    for (const [label, pixels] of labels) left.set(label, left.get(label)! - pixels);
    heldBlocks.add(block);
    count += [...labels.values()].reduce((sum, pixels) => sum + pixels, 0);
  }
  return blocks.map((block) => heldBlocks.has(block));
}
