/** Memory of trainings: one that would exhaust it is refused before it is queued. */
import { failure } from '@hyperswap/errors';
import { orientationCount } from '@hyperswap/scene';
import { pooledWidth, type BackboneConfig } from '@hyperswap/spectralgpt';
import { reachCandidates } from './choose-reach.js';
import { supportVectorMachine } from './engine/baselines/support-vector-machine.js';
import { shiftsOfOrientation } from './engine/learners.js';
import { foldCount } from './settings-folds.js';
import { mostPseudoLabels } from './pseudo-labels.js';
import type { TrainingPlan } from './training-plan.js';
import type { ParsedSettings } from './training-settings.js';

/** Memory of a training. */
export interface TrainingMemory {
  /** Returns bytes by the number of training pixels, pseudo-labelled ones included. */
  readonly ofPixels: (pixels: number) => number;
  /** Pixels that pseudo-labels add at most. */
  readonly labelled: number;
  /** Bytes for the scene. */
  readonly ofScene: number;
  /** Advice that lowers it, in words. */
  readonly mend: string;
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
/** Bytes of a scene's pixel that pseudo-labels take beside its scores: edges of walks, votes and labels. */
const votingBytes = 40;
/** Bytes of a pair of training pixels in the kernel of an SVM: 4.0 GB for the 5,679 pixels of DASE. */
const pairBytes = 125;
/** Copies of the pixels that a pretraining learns from: as they came, standardised, and in the engine. */
const learnedCopies = 3;

/**
 * Returns the memory of a baseline, which keeps the patches; an SVM keeps a kernel of all pairs of pixels too.
 *
 * @param pseudoLabels per class; 0 for none
 */
export function baselineMemory(plan: TrainingPlan, method: string, pseudoLabels: number): TrainingMemory {
  const patchBytes = valueBytes * patchCopies * plan.patchSize ** 2 * plan.scene.components;
  const ofPair = method === supportVectorMachine.name ? pairBytes : 0;
  return {
    ofPixels: (pixels) => pixels * patchBytes + pixels ** 2 * ofPair,
    labelled: mostPseudoLabels(plan, pseudoLabels),
    ofScene: labellingBytes(plan, pseudoLabels),
    mend: 'draw fewer, or take smaller patches',
  };
}

/** Returns the memory of an adapter's training, which keeps the patches and all versions of their features. */
export function adapterMemory(
  plan: TrainingPlan,
  { training, diffuse, pseudoLabels }: Pick<ParsedSettings, 'training' | 'diffuse' | 'pseudoLabels'>,
  config: BackboneConfig,
): TrainingMemory {
  const { scene, patchSize, classes } = plan;
  const ofLabelling = labellingBytes(plan, pseudoLabels);
  const labelled = mostPseudoLabels(plan, pseudoLabels);
  const featureBytes = valueBytes * copies * pooledWidth(config, training.pooling);
  if (diffuse !== 0) {
    // The choice of a reach averages once for each fold.
    const reaches = diffuse === 'auto' ? Array.from({ length: foldCount }, () => reachCandidates).flat() : [diffuse];
    const ends = endsOfReach * reaches.reduce((sum, reach) => sum + reach, 0);
    return {
      ofPixels: (pixels) => pixels * (reaches.length * featureBytes + endBytes * ends),
      labelled,
      ofScene: ofLabelling + valueBytes * copies * classes.length * areaOf(plan),
      mend: diffuse === 'auto' ? 'draw fewer, or set a reach in place of auto' : 'draw fewer',
    };
  }
  const { shift, orientations } = training.augmentation;
  const versions = (orientations ? orientationCount : 1) * (shift > 0 ? shiftsOfOrientation : 1);
  const patchBytes = valueBytes * patchCopies * (patchSize + 2 * shift) ** 2 * scene.components;
  const mend = 'draw fewer, take smaller patches, or set orientations=false and shift=0';
  return {
    ofPixels: (pixels) => pixels * (patchBytes + versions * featureBytes),
    labelled,
    ofScene: ofLabelling,
    mend,
  };
}

/** Returns the bytes that pseudo-labels take of the scene. */
function labellingBytes(plan: TrainingPlan, pseudoLabels: number): number {
  return pseudoLabels === 0 ? 0 : areaOf(plan) * (valueBytes * plan.scene.components + votingBytes);
}

function areaOf({ scene }: TrainingPlan): number {
  const { height, width } = scene.raster!;
  return height * width;
}

/** @param limit in bytes @throws FIELD_INVALID with the number of training pixels that fit */
export function checkMemory(
  { train, scene }: TrainingPlan,
  { ofPixels, labelled, ofScene, mend }: TrainingMemory,
  limit: number,
): void {
  const pixels = train.pixels.length + labelled;
  const bytes = ofPixels(pixels) + ofScene;
  if (bytes <= limit) return;
  if (ofScene >= limit) {
    const reason = `pseudo-labels or diffuse need about ${ofScene} bytes for the pixels of ${scene.name}, more than HYPERSWAP_TRAINING_BYTES (${limit}); take a part of the scene`;
    throw failure('FIELD_INVALID', { field: 'scene', reason });
  }
  let [most, tooMany] = [0, pixels];
  while (tooMany - most > 1) {
    const middle = Math.floor((most + tooMany) / 2);
    if (ofPixels(middle) + ofScene <= limit) most = middle;
    else tooMany = middle;
  }
  const reason = `a training on ${pixels} pixels needs about ${bytes} bytes, more than HYPERSWAP_TRAINING_BYTES (${limit}), into which ${most} pixels fit; ${mend}`;
  throw failure('FIELD_INVALID', { field: 'split', reason });
}

/** @param pixels of all scenes together @param limit in bytes @throws FIELD_INVALID with the number that fits */
export function checkPretrainingMemory(pixels: number, components: number, limit: number): void {
  const ofPixel = valueBytes * learnedCopies * components;
  if (pixels * ofPixel <= limit) return;
  const reason = `their ${pixels} pixels need about ${pixels * ofPixel} bytes, more than HYPERSWAP_TRAINING_BYTES (${limit}), into which ${Math.floor(limit / ofPixel)} pixels fit; take fewer or smaller scenes`;
  throw failure('FIELD_INVALID', { field: 'scenes', reason });
}
