import { HyperswapError } from '@hyperswap/errors';
import type { Split } from './split.js';
import { distancesToTraining } from './training-distance.js';
import { splitValidation } from './validation-split.js';

/** Sides of blocks that pixels are set aside in; 0 for single pixels. */
const candidateSides = [0, 2, 4, 8, 16, 32];
/** Pixels of the scene whose distances are measured. */
const sampledPixels = 100_000;

/**
 * Sets a part of the training pixels aside that is as far from the others as the scene's pixels are from the training
 * pixels, so that what is fitted on it holds for the map. In a split by blocks these are whole blocks. Elsewhere they
 * are single pixels or blocks, of the side at which the median distances are most alike. Labels of test pixels have no
 * part in it.
 *
 * @param share of the training pixels, between 0 and 1
 * @throws SPLIT_INVALID if a side would be empty
 */
export async function splitMatchedValidation(
  split: Split,
  shape: { readonly height: number; readonly width: number },
  share: number,
  seed: number,
): Promise<Split> {
  const plain = splitValidation(split, shape.width, share, seed);
  if (split.blockSize > 0) return plain;
  const pixels = shape.height * shape.width;
  const step = Math.ceil(pixels / sampledPixels);
  const sample = Array.from({ length: Math.ceil(pixels / step) }, (_, place) => place * step);
  const wanted = median(await distancesToTraining(split.train, sample, shape));
  let best = plain;
  let bestGap = Infinity;
  for (const blockSize of candidateSides) {
    const found = setAside({ ...split, blockSize }, shape.width, share, seed);
    if (found === undefined) continue;
    const gap = Math.abs(median(await distancesToTraining(found.train, found.test, shape)) - wanted);
    if (gap >= bestGap) continue;
    [best, bestGap] = [found, gap];
  }
  return best;
}

function median(distances: Uint8Array): number {
  return distances.toSorted()[distances.length >> 1]!;
}

/** Sets pixels aside; undefined where a side would be empty. */
function setAside(split: Split, width: number, share: number, seed: number): Split | undefined {
  try {
    return splitValidation(split, width, share, seed);
  } catch (error) {
    if (HyperswapError.is(error, 'SPLIT_INVALID')) return undefined;
    throw error;
  }
}
