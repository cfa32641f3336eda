/** Sources of a training batch's features: the frozen backbone's cache, or the backbone with learned parameters. */
import { throwIfAborted } from '@hyperswap/errors';
import type { LearnedParameters } from '@hyperswap/peft';
import { orientationCount } from '@hyperswap/scene';
import {
  features,
  learningFeatures,
  patchesOfGradient,
  randomTokens,
  tokenPixels,
  type Pooling,
  type ResidentBackbone,
} from '@hyperswap/spectralgpt';
import { deviceScope, tensorflow, type MethodContext, type Tensor2D } from '@hyperswap/tensor';
import { type Random } from '@hyperswap/random';
import { augmentedBatch, orientedBatch, type AugmentationSettings, type TrainingPatches } from './augmentation.js';
import { countOf, type UploadedPatches } from './upload-patches.js';

/** Batch: its inputs are prepared outside the gradient, its features are computed inside. */
export interface PreparedBatch {
  readonly input: Tensor2D;
  /** `[chosen, pooledWidth]` */
  features(): Tensor2D;
}

export interface Learner {
  /** Class of each patch of an epoch, from 0. */
  readonly labels: Uint8Array;
  /** Number of patches whose gradient is computed at once; larger batches are passed in parts. */
  readonly atOnce: number;
  prepare(chosen: Int32Array): PreparedBatch;
  /**
   * Returns features of the validation patches for the current backbone, `[patches, pooledWidth]`; the caller frees
   * them.
   */
  validationFeatures(validation: TrainingPatches): Promise<Tensor2D>;
  dispose(): void;
}

export interface LearnerContext {
  readonly patches: TrainingPatches;
  readonly resize: Tensor2D;
  readonly resident: ResidentBackbone;
  readonly pooling: Pooling;
  readonly context: MethodContext;
}

/**
 * Function from token pixels `[patches · tokens, tokenValues]` to features `[patches, pooledWidth]`, without a
 * gradient. Call it inside a tidy.
 */
export type FeatureExtractor = (pixels: Tensor2D) => Tensor2D;

/** The frozen backbone. */
export function frozenExtractor({ resident, pooling }: Pick<LearnerContext, 'resident' | 'pooling'>): FeatureExtractor {
  return (pixels) => features(pixels, resident, { pooling });
}

/** Returns a function that uses the learned parameters' values at the time of each call. */
export function learnedExtractor(
  { resident, pooling }: Pick<LearnerContext, 'resident' | 'pooling'>,
  parameters: LearnedParameters,
): FeatureExtractor {
  return (pixels) => deviceScope(() => learningFeatures(pixels, resident, { learned: parameters.changes(), pooling }));
}

/** Number of shifts computed for each orientation, if patches are shifted. */
export const shiftsOfOrientation = 2;
/** Patches per pass through the backbone without gradients. */
const chunkSize = 128;

/**
 * Computes features of every patch in one orientation.
 *
 * @param random shifts the patches
 * @returns `[patches, pooledWidth]`
 * @throws CANCELLED
 */
export async function featuresOfAll(
  { resize, resident, context }: Pick<LearnerContext, 'resize' | 'resident' | 'context'>,
  patches: UploadedPatches,
  extract: FeatureExtractor,
  orientation: number,
  random?: Random,
): Promise<Tensor2D> {
  const tf = tensorflow();
  const { config } = resident.backbone;
  const count = countOf(patches);
  const chunks: Tensor2D[] = [];
  try {
    for (let start = 0; start < count; start += chunkSize) {
      throwIfAborted(context.signal, 'Training');
      const chosen = Int32Array.from({ length: Math.min(chunkSize, count - start) }, (_, i) => start + i);
      chunks.push(
        tf.tidy(() => extract(tokenPixels(orientedBatch(patches, chosen, orientation, random), resize, config))),
      );
      await context.pause();
    }
    return tf.concat(chunks, 0);
  } finally {
    tf.dispose(chunks);
  }
}

/** Learner on features of every patch, computed once. A linear model remains to be trained, which takes seconds. */
export async function cachedLearner(
  context: LearnerContext,
  extract: FeatureExtractor,
  orientations: boolean,
  random: Random,
): Promise<Learner> {
  const tf = tensorflow();
  const { margin } = context.patches;
  const ways = (orientations ? orientationCount : 1) * (margin > 0 ? shiftsOfOrientation : 1);
  const parts: Tensor2D[] = [];
  try {
    for (let way = 0; way < ways; way++) {
      parts.push(await featuresOfAll(context, context.patches, extract, way % orientationCount, random));
    }
    const all = tf.concat(parts, 0);
    const { labels } = context.patches;
    const repeated = new Uint8Array(labels.length * ways);
    for (let way = 0; way < ways; way++) repeated.set(labels, way * labels.length);
    return {
      labels: repeated,
      atOnce: Infinity,
      prepare: (chosen) => {
        const input = tf.tidy(() => tf.gather(all, tf.tensor1d(chosen, 'int32')));
        return { input, features: () => input };
      },
      validationFeatures: (validation) => featuresOfAll(context, validation, extract, 0),
      dispose: () => {
        all.dispose();
      },
    };
  } finally {
    tf.dispose(parts);
  }
}

export interface BackboneLearnerSettings {
  readonly augmentation: AugmentationSettings;
  /** Share of a patch's tokens that each step hides. */
  readonly hiddenTokens: number;
  /** Number of patches whose gradient is computed at once; 0 for as many as fit into memory. */
  readonly patchesAtOnce: number;
}

/**
 * Learner whose gradients pass through the whole backbone to the learned parameters; patches are augmented again at
 * each use.
 */
export function backboneLearner(
  learning: LearnerContext,
  parameters: LearnedParameters,
  { augmentation, hiddenTokens, patchesAtOnce }: BackboneLearnerSettings,
  random: Random,
): Learner {
  const tf = tensorflow();
  const { patches, resize, resident, pooling } = learning;
  const extract = learnedExtractor(learning, parameters);
  const { config } = resident.backbone;
  return {
    labels: patches.labels,
    atOnce: patchesAtOnce || patchesOfGradient(config, 1 - hiddenTokens),
    prepare: (chosen) => {
      const input = tf.tidy(() => tokenPixels(augmentedBatch(patches, chosen, augmentation, random), resize, config));
      const shown = hiddenTokens > 0 ? randomTokens(chosen.length, config, hiddenTokens, random) : undefined;
      return {
        input,
        features: () => learningFeatures(input, resident, { learned: parameters.changes(), shown, pooling }),
      };
    },
    validationFeatures: (validation) => featuresOfAll(learning, validation, extract, 0),
    dispose: () => undefined,
  };
}
