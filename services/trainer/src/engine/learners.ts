/** Where the features of a training batch come from: the frozen backbone's cache, or the backbone with factors in training. */
import { throwIfAborted } from '@hyperswap/errors';
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
import type { LearnedParameters } from './parameters.js';

/** A batch: what goes in is prepared outside the gradient, features are computed inside. */
export interface PreparedBatch {
  readonly input: Tensor2D;
  /** `[chosen, pooledWidth]` */
  features(): Tensor2D;
}

export interface Learner {
  /** Class of each patch that an epoch passes over, from 0. */
  readonly labels: Uint8Array;
  /** Patches whose gradient is taken at once; larger batches are passed in parts. */
  readonly atOnce: number;
  prepare(chosen: Int32Array): PreparedBatch;
  /** Features of the validation patches as the backbone is now, `[patches, pooledWidth]`; the caller's to free. */
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

/** Token pixels `[patches · tokens, tokenValues]` to features `[patches, pooledWidth]`, without a gradient; called inside a tidy. */
export type FeatureExtractor = (pixels: Tensor2D) => Tensor2D;

/** The frozen backbone. */
export function frozenExtractor({ resident, pooling }: Pick<LearnerContext, 'resident' | 'pooling'>): FeatureExtractor {
  return (pixels) => features(pixels, resident, { pooling });
}

/** The backbone with what learns as it is at each call. */
export function learnedExtractor(
  { resident, pooling }: Pick<LearnerContext, 'resident' | 'pooling'>,
  parameters: LearnedParameters,
): FeatureExtractor {
  return (pixels) => deviceScope(() => learningFeatures(pixels, resident, { learned: parameters.changes(), pooling }));
}

/** Where patches are shifted, each orientation is computed with so many shifts. */
const shiftsOfOrientation = 2;
/** Patches of one pass through the backbone without gradients. */
const chunkSize = 128;

/**
 * Features of every patch, laid one way.
 *
 * @param random shifts the patches
 * @returns `[patches, pooledWidth]`
 */
export async function featuresOfAll(
  { resize, resident, context }: Omit<LearnerContext, 'patches'>,
  patches: TrainingPatches,
  extract: FeatureExtractor,
  orientation: number,
  random?: Random,
): Promise<Tensor2D> {
  const tf = tensorflow();
  const { config } = resident.backbone;
  const count = patches.labels.length;
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

/** Features of every patch, computed once: what is left to train is a linear model, in seconds. */
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
  /** Share of a patch's tokens that a step hides. */
  readonly hiddenTokens: number;
  /** Patches whose gradient is taken at once; 0 for as many as memory allows. */
  readonly patchesAtOnce: number;
}

/** Gradients pass the whole backbone into what learns; patches vary each time they are seen. */
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
