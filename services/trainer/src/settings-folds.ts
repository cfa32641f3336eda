import { HyperswapError } from '@hyperswap/errors';
import { distancesToTraining, splitMatchedValidation, type Split } from '@hyperswap/splits';
import { validationShare, type TrainingPlan } from './training-plan.js';

/** Folds at most. */
export const foldCount = 4;

/**
 * Returns folds of a plan's training pixels to choose settings on. Each holds a quarter back, as far from the others as
 * the map is from the training pixels: whole blocks in a split by blocks, whose guard band leaves pixels beside them
 * out. Test pixels have no part in it.
 *
 * @param guard pixels of that band
 * @returns of each fold a mark a pixel: 0 trains, 1 is held back, 2 does neither; empty where there are too few
 * training pixels
 */
export async function settingsFolds(
  { train, split, blockSize, scene }: TrainingPlan,
  guard: number,
  seed: number,
): Promise<Uint8Array[]> {
  const whole: Split = {
    ...{ train: train.pixels, trainLabels: train.labels },
    ...{ test: [], testLabels: new Uint8Array(), description: split, blockSize },
  };
  const folds: Uint8Array[] = [];
  for (let fold = 0; fold < foldCount; fold++) {
    const held = await splitMatchedValidation(whole, scene.raster!, validationShare, foldCount * seed + fold).catch(
      (error: unknown) => {
        if (HyperswapError.is(error, 'SPLIT_INVALID')) return undefined;
        throw error;
      },
    );
    if (held === undefined) continue;
    const heldPixels = new Set(held.test);
    const distances = await distancesToTraining(held.test, train.pixels, scene.raster!);
    const near = blockSize > 0 ? guard : 0;
    folds.push(
      Uint8Array.from(train.pixels, (pixel, place) => (heldPixels.has(pixel) ? 1 : distances[place]! <= near ? 2 : 0)),
    );
  }
  return folds;
}
