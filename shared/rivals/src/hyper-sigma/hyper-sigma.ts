/** HyperSIGMA with frozen encoders and a trained fusion and head. */
import { Random } from '@hyperswap/random';
import { learningPrecision } from '@hyperswap/spectralgpt';
import {
  AdamW,
  cosineSchedule,
  dropout,
  finishLettingUrgentPass,
  makeVariable,
  tensorflow,
  type MethodContext,
  type Tensor,
  type Tensor2D,
} from '@hyperswap/tensor';
import { runEpochs } from '../epochs.js';
import { predictionOf } from '../predict.js';
import type { ComponentsArguments, ComponentsRival, RivalPrediction, RivalProgress } from '../rival.js';
import { frozenFeatures } from './features.js';
import { uploadEncoders, type OwnedEncoders } from './frozen-encoders.js';
import { headLogits } from './head.js';
import { countParameters, type Shapes } from '../shapes.js';
import { encoderShapes, headShapes, initialValues } from './parameters.js';
import { openReleased } from './released-weights.js';
import { baseSize, windowSide, type HyperSigmaSize } from './size.js';
import { WhitenedScene } from './whitened-scene.js';

/** Windows whose features are computed at once; the spectral encoder has a hundred tokens for each. */
const windowsAtOnce = 32;
/**
 * The authors' batches, dropout and weight decay. Their learning rate, 6e-5, moves the whole network; the head alone
 * takes more.
 */
const batchSize = 64;
const dropoutRate = 0.4;
const weightDecay = 0.05;
const learningRate = 1e-3;
const defaultEpochs = 100;
const checkpointEvery = 10;
const randomNote = 'random weights: measures the architecture';
const releasedNote = 'released encoder blocks; embeddings, spatial positions and sampling offsets are random';

/** Returns HyperSIGMA of a size. @param name of the size */
export function hyperSigmaOf(size: HyperSigmaSize, name: string): ComponentsRival {
  return {
    name: 'hyper-sigma',
    sees: 'components',
    side: windowSide,
    components: size.components,
    description: `HyperSIGMA (${name}), frozen, with a trained fusion and head, on windows of ${windowSide} × ${windowSide} pixels and ${size.components} whitened components; from random weights it measures the architecture`,
    fit: async (args, context) => {
      const encoders = await makeEncoders(size, args, context);
      let scene: WhitenedScene | undefined;
      try {
        scene = new WhitenedScene(args, size.components);
        return await fitHead({ ...args, scene, encoders }, context);
      } catch (error) {
        scene?.dispose();
        encoders.dispose();
        throw error;
      }
    },
  };
}

export const hyperSigma = hyperSigmaOf(baseSize, 'base');

async function makeEncoders(
  size: HyperSigmaSize,
  { seed, precision, weights }: ComponentsArguments,
  context: MethodContext,
): Promise<OwnedEncoders> {
  const shapes: Shapes = new Map([...encoderShapes(size, 'spatial'), ...encoderShapes(size, 'spectral')]);
  const report = (step: number, steps: number): void =>
    context.progress({ stage: 'weights', step, steps, epoch: 0, loss: undefined } satisfies RivalProgress);
  const initial = initialValues(shapes, seed);
  const released = weights === '' ? undefined : await openReleased(size, weights);
  try {
    const valuesOf = (name: string): Float32Array => released?.read(name) ?? initial(name);
    return await uploadEncoders(size, valuesOf, learningPrecision(precision), context, report);
  } finally {
    released?.close();
  }
}

/** Computes features of pixels, some windows at a time. @returns `[pixels, features]` */
async function featuresOf(
  pixels: readonly number[],
  { scene, encoders }: Pick<HeadArguments, 'scene' | 'encoders'>,
  context: MethodContext,
): Promise<Tensor2D> {
  const tf = tensorflow();
  const parts: Tensor2D[] = [];
  try {
    for (let first = 0; first < pixels.length; first += windowsAtOnce) {
      const windows = scene.windows(pixels.slice(first, first + windowsAtOnce));
      try {
        parts.push(await finishLettingUrgentPass(frozenFeatures(windows, encoders), context, 'Training'));
      } finally {
        windows.dispose();
      }
      const step = Math.min(pixels.length, first + windowsAtOnce);
      context.progress({
        stage: 'features',
        step,
        steps: pixels.length,
        epoch: 0,
        loss: undefined,
      } satisfies RivalProgress);
      await context.pause();
    }
    return tf.concat(parts, 0);
  } finally {
    tf.dispose(parts);
  }
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

interface HeadArguments extends ComponentsArguments {
  readonly scene: WhitenedScene;
  readonly encoders: OwnedEncoders;
}

/** Trains the head on features that are computed once. The result owns the scene and the encoders. */
async function fitHead(args: HeadArguments, context: MethodContext) {
  const tf = tensorflow();
  const { training, classes, seed, resumed, scene, encoders } = args;
  const { size } = encoders;
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
  const draw = (): number => random.integer(2 ** 31);
  const drop = (x: Tensor2D): Tensor2D => dropout(x, dropoutRate, [draw(), draw()]);
  const count = training.pixels.length;
  const dispose = (): void => {
    tf.dispose([...variables.values(), ...scale.tensors]);
    scene.dispose();
    encoders.dispose();
  };
  try {
    const { losses } = await runEpochs(
      {
        ...{ variables, optimizer, random, resumed, checkpointEvery },
        epochs: args.epochs ?? defaultEpochs,
        stepsPerEpoch: Math.ceil(count / batchSize),
        learningRate: (step, steps) => learningRate * cosineSchedule(step, steps, 0),
        runEpoch: async (step) => {
          const order = random.shuffle(Int32Array.from({ length: count }, (_, pixel) => pixel));
          let sum = 0;
          for (let start = 0; start < count; start += batchSize) {
            const chosen = order.slice(start, start + batchSize);
            const places = chosen.map((pixel) => training.labels[pixel]! - 1);
            const loss = await step(() => {
              const logits = headLogits(tf.gather(features, tf.tensor1d(chosen, 'int32')), variables, size, drop);
              return tf.losses.softmaxCrossEntropy(tf.oneHot(tf.tensor1d(places, 'int32'), classes), logits);
            });
            sum += loss * chosen.length;
          }
          return sum / count;
        },
      },
      context,
    );
    return {
      parameters: countParameters(shapes),
      lossByEpoch: losses,
      note: args.weights === '' ? randomNote : releasedNote,
      classify: async (pixels: readonly number[], running: MethodContext): Promise<RivalPrediction> => {
        const own = await featuresOf(pixels, args, running);
        try {
          return predictionOf(() => headLogits(scale.apply(own), variables, size));
        } finally {
          own.dispose();
        }
      },
      dispose,
    };
  } catch (error) {
    tf.dispose([...variables.values(), ...scale.tensors]);
    throw error;
  } finally {
    features.dispose();
    optimizer.dispose();
  }
}
