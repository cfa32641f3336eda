/** Training of HyperSIGMA's encoders, by an adaptation method or as a whole, together with its fusion and head. */
import { Random } from '@hyperswap/random';
import { AdamW, cosineSchedule, tensorflow, type MethodContext, type Scalar } from '@hyperswap/tensor';
import { overBatches } from '../batches.js';
import { runEpochs } from '../epochs.js';
import {
  batchSize,
  headDropout,
  headLearningRate,
  weightDecay,
  type FittedHead,
  type HeadTraining,
} from './fit-head.js';
import type { LearnedEncoders } from './learned-encoders.js';
import type { WhitenedScene } from './whitened-scene.js';

/** Windows whose gradient is computed at once: their saved states are about 0.5 GB on the base size. */
const windowsOfGradient = 32;
/** Share of the steps in which the learning rates rise. */
const warmUp = 0.1;
/** Epochs take a minute or more on the base size. */
const checkpointEvery = 2;

export interface EncoderTraining extends Pick<HeadTraining, 'training' | 'classes' | 'seed' | 'epochs' | 'resumed'> {
  readonly scene: WhitenedScene;
  readonly learned: LearnedEncoders;
  /** Head of the frozen encoders, which goes on learning. */
  readonly head: FittedHead;
  readonly learningRate: number;
}

/** Trains encoders and head. @returns the mean loss of each epoch @throws TRAINING_DIVERGED, CANCELLED */
export async function tuneEncoders(
  { training, classes, seed, epochs, resumed, scene, learned, head, learningRate }: EncoderTraining,
  context: MethodContext,
): Promise<readonly number[]> {
  const tf = tensorflow();
  const variables = new Map([...learned.variables, ...head.variables]);
  const random = new Random(seed);
  const drop = headDropout(random);
  const ofHead = new Set([...head.variables.values()].map(({ name }) => name));
  const optimizer = new AdamW([...variables.values()], { weightDecay, maximumGradientNorm: 1 });
  const lossOf = (chosen: Int32Array, places: Int32Array, share: number) => (): Scalar => {
    const windows = scene.windows([...chosen].map((pixel) => training.pixels[pixel]!));
    const logits = head.logits(learned.features(windows), drop);
    const loss: Scalar = tf.losses.softmaxCrossEntropy(tf.oneHot(tf.tensor1d(places, 'int32'), classes), logits);
    return tf.mul(loss, share);
  };
  try {
    const { losses } = await runEpochs(
      {
        ...{ variables, optimizer, random, epochs, resumed, checkpointEvery },
        stepsPerEpoch: Math.ceil(training.pixels.length / batchSize),
        learningRate: (step, steps) => cosineSchedule(step, steps, Math.ceil(warmUp * steps)),
        rateFactor: (name) =>
          ofHead.has(name) ? headLearningRate : learningRate * (learned.rateFactors.get(name) ?? 1),
        runEpoch: (step) =>
          overBatches({ random, labels: training.labels, batchSize }, (chosen, places) => {
            const parts: (() => Scalar)[] = [];
            for (let first = 0; first < chosen.length; first += windowsOfGradient) {
              const own = chosen.slice(first, first + windowsOfGradient);
              const classesOf = places.slice(first, first + windowsOfGradient);
              parts.push(lossOf(own, classesOf, own.length / chosen.length));
            }
            return step(parts);
          }),
      },
      context,
    );
    return losses;
  } finally {
    optimizer.dispose();
  }
}
