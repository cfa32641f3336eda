/** Heads on features that were computed before, such as diffused ones. */
import {
  features as featuresOf,
  residentBackbone,
  resizeMatrix,
  tokenPixels,
  type Pooling,
} from '@hyperswap/spectralgpt';
import { Moved, tensorflow, type Precision, type MethodContext, type Tensor2D } from '@hyperswap/tensor';
import { Random } from '@hyperswap/random';
import { descend } from './descend.js';
import { classWeights, disposeHead, featureSpread, foldHead, makeHead, setDiscriminant } from './head.js';
import type { Learner } from './learners.js';
import type { TrainingSettings } from './settings.js';
import type { TrainingResult } from './train.js';

export interface FeatureArguments {
  /** Digest of the resident backbone. */
  readonly digest: string;
  readonly precision: Precision;
  readonly pooling: Pooling;
  readonly patchSize: number;
  readonly normalizer: { readonly mean: Float32Array; readonly deviation: Float32Array };
  /** `[patches, patchSize, patchSize, components]` */
  readonly scores: Float32Array;
}

/** Patches per pass through the backbone. */
const chunkSize = 128;

/** Computes features of patches with the frozen backbone. @returns `[patches, pooledWidth]` */
export async function computeFeatures(
  { digest, precision, pooling, patchSize, normalizer, scores }: FeatureArguments,
  context: MethodContext,
): Promise<Moved<Float32Array>> {
  const tf = tensorflow();
  const resident = residentBackbone(digest, precision);
  const { config } = resident.backbone;
  const resize = resizeMatrix(patchSize, config);
  const values = patchSize ** 2 * config.components;
  const patches = scores.length / values;
  let all = new Float32Array(0);
  try {
    for (let first = 0; first < patches; first += chunkSize) {
      const some = scores.subarray(first * values, Math.min(patches, first + chunkSize) * values);
      const rows = tf.tidy(() => {
        const table = tf.tensor2d(some.slice(), [some.length / config.components, config.components]);
        const centred = tf.div(tf.sub(table, tf.tensor1d(normalizer.mean)), tf.tensor1d(normalizer.deviation));
        const pixels = tokenPixels(tf.transpose(centred as Tensor2D), resize, config);
        return featuresOf(pixels, resident, { pooling });
      });
      const width = rows.shape[1];
      if (first === 0) all = new Float32Array(patches * width);
      all.set(rows.dataSync() as Float32Array, first * width);
      rows.dispose();
      await context.pause();
    }
  } finally {
    resize.dispose();
  }
  return new Moved(all, [all.buffer]);
}

export interface HeadArguments {
  /** `[pixels, pooledWidth]` */
  readonly features: Float32Array;
  /** Class of each pixel, from 1. */
  readonly labels: Uint8Array;
  readonly classes: number;
  readonly settings: TrainingSettings;
  /** Passes over the pixels in one epoch. */
  readonly passes: number;
}

/** Trains a head on features. @throws TRAINING_DIVERGED, CANCELLED */
export async function trainHead(
  { features, labels, classes, settings, passes }: HeadArguments,
  context: MethodContext,
): Promise<TrainingResult> {
  const tf = tensorflow();
  const width = features.length / labels.length;
  const all = tf.tensor2d(features, [labels.length, width]);
  const fromZero = labels.map((label) => label - 1);
  const repeated = new Uint8Array(labels.length * passes);
  for (let pass = 0; pass < passes; pass++) repeated.set(fromZero, pass * labels.length);
  const counts = Array.from({ length: classes }, (_, label) => fromZero.filter((own) => own === label).length);
  const learner: Learner = {
    labels: repeated,
    atOnce: Infinity,
    prepare: (chosen) => {
      const rows = chosen.map((place) => place % labels.length);
      const input = tf.tidy(() => tf.gather(all, tf.tensor1d(rows, 'int32')));
      return { input, features: () => input };
    },
    validationFeatures: () => Promise.reject(new Error('diffused features have no validation patches')),
    dispose: () => undefined,
  };
  const head = makeHead(classes, width, featureSpread(all));
  try {
    if (settings.head === 'discriminant') {
      const loss = await setDiscriminant(head, all, fromZero, context);
      return { learned: new Map(), ...foldHead(head), lossByEpoch: [loss], accuracyByEpoch: [] };
    }
    const stage = {
      ...{ name: 'probe' as const, epochs: settings.epochs, learner, head, variables: new Map<string, never>() },
      ...{ rate: () => settings.headLearningRate, classWeights: classWeights(settings.classWeights, counts) },
      validation: undefined,
    };
    const result = await descend(stage, { ...settings, patience: 0 }, new Random(settings.seed), context);
    return { learned: new Map(), ...foldHead(head), ...result };
  } finally {
    disposeHead(head);
    all.dispose();
  }
}
