/** Heads on features that were computed before, such as diffused ones. */
import { tensorflow, type MethodContext } from '@hyperswap/tensor';
import { Random } from '@hyperswap/random';
import { fitTo } from './fit-head.js';
import { classWeights, disposeHead, featureSpread, foldHead, makeHead } from './head.js';
import type { Learner } from './learners.js';
import type { TrainingSettings } from './settings.js';
import type { TrainingResult } from './train.js';

export interface HeadArguments {
  /** `[pixels, pooledWidth]` */
  readonly features: Float32Array;
  /** Class of each pixel, from 1. */
  readonly labels: Uint8Array;
  readonly classes: number;
  readonly settings: TrainingSettings;
  /** Passes of gradient descent over the pixels in one epoch. */
  readonly passes: number;
}

/** Trains a head on features. @throws TRAINING_DIVERGED, CANCELLED */
export async function trainHead(
  { features, labels, classes, settings, passes: ofDescent }: HeadArguments,
  context: MethodContext,
): Promise<TrainingResult> {
  const tf = tensorflow();
  const width = features.length / labels.length;
  const all = tf.tensor2d(features, [labels.length, width]);
  const fromZero = labels.map((label) => label - 1);
  const passes = settings.head === 'descent' ? ofDescent : 1;
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
    const weights = classWeights(settings.classWeights, counts);
    const fit = { head, learner, settings, classWeights: weights, random: new Random(settings.seed) };
    const result = await fitTo({ ...fit, name: 'probe', epochs: settings.epochs }, context);
    return { learned: new Map(), ...foldHead(head), ...result };
  } finally {
    disposeHead(head);
    all.dispose();
  }
}
