/** Where the features of a training batch come from: the frozen backbone's cache, or the backbone with factors in training. */
import { throwIfAborted } from '@hyperswap/errors';
import { adaptedWeights, type Adaptation } from '@hyperswap/peft';
import { orientationCount } from '@hyperswap/scene';
import {
  features,
  learningFeatures,
  randomMask,
  tokenCount,
  tokenPixels,
  type ResidentBackbone,
} from '@hyperswap/spectralgpt';
import { tensorflow, type MethodContext, type Random, type Tensor, type Tensor2D } from '@hyperswap/tensor';
import { augmentedBatch, orientedBatch, type AugmentationSettings, type TrainingPatches } from './augmentation.js';

/** A batch: what goes in is prepared outside the gradient, features are computed inside. */
export interface PreparedBatch {
  readonly input: Tensor2D;
  /** `[chosen, width]` */
  features(): Tensor2D;
}

export interface Learner {
  /** Class of each patch that an epoch passes over, from 0. */
  readonly labels: Uint8Array;
  prepare(chosen: Int32Array): PreparedBatch;
  dispose(): void;
}

/** Mean and deviation of each feature over the training patches, `[width]`. */
export interface FeatureSpread {
  readonly mean: Tensor;
  readonly deviation: Tensor;
}

export interface LearnerContext {
  readonly patches: TrainingPatches;
  readonly resize: Tensor2D;
  readonly resident: ResidentBackbone;
  readonly context: MethodContext;
}

/** Patches of one pass through the backbone without gradients. */
const chunkSize = 128;

/** Features of every patch, laid one way, by the frozen backbone. @returns `[patches, width]` */
export async function frozenFeatures(
  { patches, resize, resident, context }: LearnerContext,
  orientation: number,
): Promise<Tensor2D> {
  const tf = tensorflow();
  const count = patches.labels.length;
  const chunks: Tensor2D[] = [];
  try {
    for (let start = 0; start < count; start += chunkSize) {
      throwIfAborted(context.signal, 'Training');
      const chosen = Int32Array.from({ length: Math.min(chunkSize, count - start) }, (_, i) => start + i);
      chunks.push(
        tf.tidy(() => {
          const { config } = resident.backbone;
          return features(tokenPixels(orientedBatch(patches, chosen, orientation), resize, config), resident);
        }),
      );
      await context.pause();
    }
    return tf.concat(chunks, 0);
  } finally {
    tf.dispose(chunks);
  }
}

/** How features spread; a feature that is the same for all patches is left as it is. */
export function featureSpread(all: Tensor2D): FeatureSpread {
  const tf = tensorflow();
  const [mean, deviation] = tf.tidy(() => {
    const { mean: center, variance } = tf.moments(all, 0);
    return [center, tf.sqrt(tf.where(tf.greater(variance, 1e-8), variance, tf.onesLike(variance)))] as [Tensor, Tensor];
  });
  return { mean, deviation };
}

/** Features of every patch, computed once: what is left to train is a linear model, in seconds. */
export async function cachedLearner(context: LearnerContext, orientations: boolean): Promise<Learner> {
  const tf = tensorflow();
  const ways = orientations ? orientationCount : 1;
  const parts: Tensor2D[] = [];
  try {
    for (let way = 0; way < ways; way++) parts.push(await frozenFeatures(context, way));
    const all = tf.concat(parts, 0);
    const { labels } = context.patches;
    const repeated = new Uint8Array(labels.length * ways);
    for (let way = 0; way < ways; way++) repeated.set(labels, way * labels.length);
    return {
      labels: repeated,
      prepare: (chosen) => {
        const input = tf.tidy(() => tf.gather(all, tf.tensor1d(chosen, 'int32')));
        return { input, features: () => input };
      },
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
}

/** Gradients pass the whole frozen backbone into the factors; patches vary each time they are seen. */
export function backboneLearner(
  { patches, resize, resident }: LearnerContext,
  adaptation: Adaptation,
  factors: ReadonlyMap<string, Tensor>,
  { augmentation, hiddenTokens }: BackboneLearnerSettings,
  random: Random,
): Learner {
  const tf = tensorflow();
  const { config } = resident.backbone;
  return {
    labels: patches.labels,
    prepare: (chosen) => {
      const input = tf.tidy(() => tokenPixels(augmentedBatch(patches, chosen, augmentation, random), resize, config));
      const shown = hiddenTokens > 0 ? randomMask(chosen.length, tokenCount(config), hiddenTokens, random) : undefined;
      return {
        input,
        features: () => {
          const learned = adaptedWeights(adaptation, factors, config, resident.weights);
          return learningFeatures(input, resident, { learned, shown });
        },
      };
    },
    dispose: () => undefined,
  };
}
