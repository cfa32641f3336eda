/** MambaHSI trained from scratch on a whole scene, by its authors' protocol. */
import { AdamW, makeVariable, tensorflow, type Scalar, type Tensor2D, type Variable } from '@hyperswap/tensor';
import { Random } from '@hyperswap/random';
import { runEpochs } from '../epochs.js';
import { predictionOf } from '../predict.js';
import type { LabelledScenePixels, RivalPrediction, SceneArguments, SceneRival } from '../rival.js';
import { initialValues, mambaHsiLogits, mambaHsiParameters, mambaHsiShapes } from './network.js';
import { stretchBands } from './stretch.js';
import { stripsOf, type Strip } from './strips.js';

const defaultEpochs = 200;
const learningRate = 3e-4;
const checkpointEvery = 5;
/** Pixels of one step, which bound its memory to about 2 GiB; larger scenes are cut into strips, with a step each. */
const mostPixels = 32_768;

export const mambaHsi: SceneRival = {
  name: 'mamba-hsi',
  sees: 'scene',
  // 10 of the authors' 40 pixels a class.
  validation: 0.25,
  description:
    'MambaHSI from scratch on all bands of the whole scene; it has seen the spectra of the test pixels (transductive)',
  fit: async (args, context) => {
    const { bands, classes, validation, seed, resumed } = args;
    const random = new Random(seed);
    const shapes = mambaHsiShapes(bands, classes);
    const variables = new Map(
      [...initialValues(shapes, random)].map(([name, values]) => [
        name,
        makeVariable(name, { shape: shapes.get(name)!, values }),
      ]),
    );
    const optimizer = new AdamW([...variables.values()], { weightDecay: 0 });
    const strips = inputStrips(args);
    try {
      const trained = strips.filter(({ training }) => training.labels.length > 0);
      const predict = (): RivalPrediction => predictScene(strips, variables, args);
      const { losses, accuracies } = await runEpochs(
        {
          ...{ variables, optimizer, random, resumed, checkpointEvery },
          epochs: args.epochs ?? defaultEpochs,
          stepsPerEpoch: trained.length,
          learningRate: () => learningRate,
          runEpoch: async (step) => {
            let [sum, count] = [0, 0];
            for (const strip of trained) {
              const { length } = strip.training.labels;
              sum += length * (await step(() => lossOf(strip, variables, classes)));
              count += length;
            }
            return sum / count;
          },
          validate: validation && (() => accuracyOn(validation, predict())),
        },
        context,
      );
      const parameters = mambaHsiParameters(bands, classes);
      return { parameters, prediction: predict(), lossByEpoch: losses, accuracyByEpoch: accuracies };
    } finally {
      optimizer.dispose();
      tensorflow().dispose([...variables.values(), ...strips.map(({ input }) => input)]);
    }
  },
};

/** Part of the scene that one step sees. */
interface InputStrip extends Strip {
  /** `[rows · width, bands]` */
  readonly input: Tensor2D;
  /** Training pixels from the strip's first pixel on. */
  readonly training: LabelledScenePixels;
}

function inputStrips({ height, width, bands, values, valid, training }: SceneArguments): InputStrip[] {
  const stretched = stretchBands(values, valid, bands);
  return stripsOf(height, width, mostPixels).map((strip) => {
    const [first, end] = [strip.top * width, strip.bottom * width];
    const inside = training.pixels.flatMap((pixel, i) => (pixel >= first && pixel < end ? [i] : []));
    return {
      ...strip,
      input: tensorflow().tensor2d(stretched.subarray(first * bands, end * bands), [end - first, bands]),
      training: {
        pixels: inside.map((i) => training.pixels[i]! - first),
        labels: Uint8Array.from(inside, (i) => training.labels[i]!),
      },
    };
  });
}

/** Returns the mean cross-entropy of a strip's training pixels, with a gradient. */
function lossOf(
  { input, top, bottom, training: { pixels, labels } }: InputStrip,
  variables: ReadonlyMap<string, Variable>,
  classes: number,
): Scalar {
  const tf = tensorflow();
  const logits = tf.gather(mambaHsiLogits(input, bottom - top, variables), tf.tensor1d([...pixels], 'int32'));
  const places = Int32Array.from(labels, (label) => label - 1);
  return tf.losses.softmaxCrossEntropy(tf.oneHot(tf.tensor1d(places, 'int32'), classes), logits);
}

/** Predicts all pixels of the scene: each row by the strip that it lies deepest in. */
function predictScene(
  strips: readonly InputStrip[],
  variables: ReadonlyMap<string, Variable>,
  { height, width, classes }: SceneArguments,
): RivalPrediction {
  const labels = new Uint8Array(height * width);
  const probabilities = new Float32Array(height * width * classes);
  for (const { input, top, bottom, from, to } of strips) {
    const own = predictionOf(() => mambaHsiLogits(input, bottom - top, variables));
    const [first, end] = [(from - top) * width, (to - top) * width];
    labels.set(own.labels.subarray(first, end), from * width);
    probabilities.set(own.probabilities.subarray(first * classes, end * classes), from * width * classes);
  }
  return { labels, probabilities };
}

function accuracyOn({ pixels, labels }: LabelledScenePixels, predicted: RivalPrediction): number {
  return pixels.filter((pixel, i) => predicted.labels[pixel] === labels[i]).length / pixels.length;
}
