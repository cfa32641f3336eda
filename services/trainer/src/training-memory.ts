/** Memory of trainings: one that would exhaust it is refused before it is queued. */
import { failure } from '@hyperswap/errors';
import { orientationCount } from '@hyperswap/scene';
import { pooledWidth, type BackboneConfig } from '@hyperswap/spectralgpt';
import { reachCandidates } from './choose-reach.js';
import { shiftsOfOrientation } from './engine/learners.js';
import { foldCount } from './settings-folds.js';
import type { TrainingPlan } from './training-plan.js';
import type { ParsedSettings } from './training-settings.js';

/** Memory of a training in bytes. */
export interface TrainingMemory {
  /** For each training pixel. */
  readonly ofPixel: number;
  /** For the scene. */
  readonly ofScene: number;
}

const valueBytes = 4;
/** Copies of the patches at the peak: as they came, and while they are normalised and transposed. */
const patchCopies = 3;
/** Copies of features and logits at the peak: what is computed, and what is made of it. */
const copies = 2;
/** Pixels where the walks from a pixel end, for each pixel of reach: 83 to 103 on Indian Pines. */
const endsOfReach = 100;
/** Bytes of an end: pixel and weight, as the walks give them and ordered by pixels. */
const endBytes = 16;

/** Returns the memory of a baseline, which keeps the patches. */
export function baselineMemory({ scene, patchSize }: TrainingPlan): TrainingMemory {
  return { ofPixel: valueBytes * patchCopies * patchSize ** 2 * scene.components, ofScene: 0 };
}

/** Returns the memory of an adapter's training, which keeps the patches and all versions of their features. */
export function adapterMemory(
  { scene, patchSize, classes }: TrainingPlan,
  { training, diffuse }: Pick<ParsedSettings, 'training' | 'diffuse'>,
  config: BackboneConfig,
): TrainingMemory {
  const featureBytes = valueBytes * copies * pooledWidth(config, training.pooling);
  if (diffuse !== 0) {
    // The choice of a reach averages once for each fold.
    const reaches = diffuse === 'auto' ? Array.from({ length: foldCount }, () => reachCandidates).flat() : [diffuse];
    const ends = endsOfReach * reaches.reduce((sum, reach) => sum + reach, 0);
    const { height, width } = scene.raster!;
    return {
      ofPixel: reaches.length * featureBytes + endBytes * ends,
      ofScene: valueBytes * copies * classes.length * height * width,
    };
  }
  const { shift, orientations } = training.augmentation;
  const versions = (orientations ? orientationCount : 1) * (shift > 0 ? shiftsOfOrientation : 1);
  const patchBytes = valueBytes * patchCopies * (patchSize + 2 * shift) ** 2 * scene.components;
  return { ofPixel: patchBytes + versions * featureBytes, ofScene: 0 };
}

/** @param limit in bytes @throws FIELD_INVALID with the number of training pixels that fit */
export function checkMemory({ train }: TrainingPlan, { ofPixel, ofScene }: TrainingMemory, limit: number): void {
  const pixels = train.pixels.length;
  const bytes = pixels * ofPixel + ofScene;
  if (bytes <= limit) return;
  const most = Math.max(0, Math.floor((limit - ofScene) / ofPixel));
  throw failure('FIELD_INVALID', {
    field: 'split',
    reason: `a training on ${pixels} pixels needs about ${bytes} bytes, more than HYPERSWAP_TRAINING_BYTES (${limit}), into which ${most} pixels fit; draw fewer, take smaller patches, or set orientations=false and shift=0`,
  });
}
