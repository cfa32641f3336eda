/** Training of HyperSIGMA's fusion and head on features of frozen encoders, which are computed once. */
import { Random } from '@hyperswap/random';
import {
  AdamW,
  cosineSchedule,
  dropout,
  makeVariable,
  tensorflow,
  type MethodContext,
  type Tensor,
  type Tensor2D,
  type TrainingCheckpoint,
  type Variable,
} from '@hyperswap/tensor';
import { overBatches } from '../batches.js';
import { runEpochs } from '../epochs.js';
import type { LabelledScenePixels } from '../rival.js';
import { headLogits, type Dropout } from './head.js';
import { headShapes, initialValues } from './parameters.js';
import { featuresOf, type EncodedScene } from './window-features.js';

/**
 * The authors' batches, dropout and weight decay. Their learning rate, 6e-5, moves the whole network; the head alone
 * takes more.
 */
export const batchSize = 64;
export const weightDecay = 0.05;
export const headLearningRate = 1e-3;
const dropoutRate = 0.4;
const checkpointEvery = 10;

/** Fusion and head with the scale of the features that they were fitted on. */
export interface FittedHead {
  readonly variables: ReadonlyMap<string, Variable>;
  readonly losses: readonly number[];
  /** Computes logits `[windows, classes]` of raw features, with a gradient of the features and of all variables. */
  logits(features: Tensor2D, drop?: Dropout): Tensor2D;
  dispose(): void;
}

export interface HeadTraining extends EncodedScene {
  readonly training: LabelledScenePixels;
  readonly classes: number;
  readonly seed: number;
  readonly epochs: number;
  /** Stage of a longer training that this is; it keeps no checkpoints then. */
  readonly stage?: 'head';
  readonly resumed: TrainingCheckpoint | undefined;
}

/** Trains a head. @throws TRAINING_DIVERGED, CANCELLED */
export async function fitHead(args: HeadTraining, context: MethodContext): Promise<FittedHead> {
  const tf = tensorflow();
  const { training, classes, seed, stage, epochs, resumed } = args;
  const { size } = args.encoders;
  const shapes = headShapes(size, classes);
  const valueOf = initialValues(shapes, seed);
  const random = new Random(seed);
  const raw = await featuresOf(training.pixels, args, context);
  const scale = standardiser(raw);
  const features = scale.apply(raw);
  raw.dispose();
  const variables = new Map(
    [...shapes].map(([name, shape]) => [name, makeVariable(name, { shape, values: valueOf(name) })]),
  );
  const optimizer = new AdamW([...variables.values()], { weightDecay });
  const drop = headDropout(random);
  const count = training.pixels.length;
  const dispose = (): void => tf.dispose([...variables.values(), ...scale.tensors]);
  try {
    const { losses } = await runEpochs(
      {
        ...{ variables, optimizer, random, epochs, resumed },
        ...(stage !== undefined && { stage }),
        checkpointEvery: stage === undefined ? checkpointEvery : Infinity,
        stepsPerEpoch: Math.ceil(count / batchSize),
        learningRate: (step, steps) => headLearningRate * cosineSchedule(step, steps, 0),
        runEpoch: (step) =>
          overBatches({ random, labels: training.labels, batchSize }, (chosen, places) =>
            step(() => {
              const logits = headLogits(tf.gather(features, tf.tensor1d(chosen, 'int32')), variables, size, drop);
              return tf.losses.softmaxCrossEntropy(tf.oneHot(tf.tensor1d(places, 'int32'), classes), logits);
            }),
          ),
      },
      context,
    );
    return {
      ...{ variables, losses, dispose },
      logits: (given, own) => headLogits(scale.apply(given), variables, size, own),
    };
  } catch (error) {
    dispose();
    throw error;
  } finally {
    features.dispose();
    optimizer.dispose();
  }
}

/** Returns the authors' dropout, which draws its masks from a generator. */
export function headDropout(random: Random): Dropout {
  const draw = (): number => random.integer(2 ** 31);
  return (x) => dropout(x, dropoutRate, [draw(), draw()]);
}

/** Returns what standardises features to mean 0 and deviation 1 over the training windows. */
function standardiser(features: Tensor2D) {
  const tf = tensorflow();
  const [mean, factors] = tf.tidy(() => {
    const { mean: means, variance } = tf.moments(features, 0);
    // Features that are the same in all windows become 0.
    return [means, tf.rsqrt(tf.add(variance, 1e-12))] as [Tensor, Tensor];
  });
  return {
    apply: (x: Tensor2D): Tensor2D => tf.tidy(() => tf.mul(tf.sub(x, mean), factors)),
    tensors: [mean, factors],
  };
}
