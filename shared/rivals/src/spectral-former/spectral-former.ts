/**
 * SpectralFormer trained from scratch on the same pixels, as an example of a hyperspectral network without pretraining.
 */
import {
  AdamW,
  makeVariable,
  tensorflow,
  type ValuesSeed,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
} from '@hyperswap/tensor';
import { Random } from '@hyperswap/random';
import { overBatches } from '../batches.js';
import { runEpochs } from '../epochs.js';
import { predictionOf } from '../predict.js';
import type { WindowArguments, WindowRival } from '../rival.js';
import { initialValues, spectralFormerLogits, spectralFormerShapes } from './network.js';

/**
 * Settings of the authors' program and its command line for Indian Pines: side of a window, windows per step, epochs,
 * dropout, and Adam's decay, which goes into the gradients. The learning rate falls to nine tenths every tenth of the
 * epochs; they step the schedule before an epoch, so that each fall comes an epoch early.
 */
const side = 7;
const batchSize = 64;
const defaultEpochs = 300;
const dropoutRate = 0.1;
const decay = 5e-3;
const initialRate = 5e-4;
const fall = 0.9;

/** Returns the learning rate of an epoch. @param epoch from 0 @param epochs of the whole training */
export function learningRateOf(epoch: number, epochs: number): number {
  return initialRate * fall ** Math.floor((epoch + 1) / Math.max(1, Math.floor(epochs / 10)));
}

export const spectralFormer: WindowRival = {
  name: 'spectralformer',
  sees: 'windows',
  side,
  description: `SpectralFormer from scratch, ${side} × ${side} patches, on all bands`,
  fit: async (args, context) => {
    const tf = tensorflow();
    const { windows, labels, classes, bands, seed } = args;
    const scaled = scaledSpectra(args);
    const shapes = spectralFormerShapes({ bands, area: args.side ** 2, classes });
    const variables = new Map(
      [...initialValues(shapes, seed)].map(([name, values]) => [
        name,
        makeVariable(name, { shape: shapes.get(name)!, values }),
      ]),
    );
    const all = scaled.spectra(windows);
    const optimizer = new AdamW([...variables.values()], { weightDecay: 0, penalty: decay });
    const random = new Random(seed);
    const drawSeed = (): ValuesSeed => [random.integer(2 ** 31), random.integer(2 ** 31)];
    const epochs = args.epochs ?? defaultEpochs;
    const stepsPerEpoch = Math.ceil(labels.length / batchSize);
    const dispose = (): void => tf.dispose([...variables.values(), ...scaled.tensors]);
    try {
      await runEpochs(
        {
          ...{ variables, optimizer, random, resumed: args.resumed },
          ...{ epochs, stepsPerEpoch },
          checkpointEvery: 5,
          learningRate: (step) => learningRateOf(Math.floor(step / stepsPerEpoch), epochs),
          runEpoch: (step) =>
            overBatches({ random, labels, batchSize }, (chosen, places) =>
              step(() => {
                const own = tf.gather(all, tf.tensor1d(chosen, 'int32'));
                const logits = spectralFormerLogits(own, variables, { rate: dropoutRate, drawSeed });
                return tf.losses.softmaxCrossEntropy(tf.oneHot(tf.tensor1d(places, 'int32'), classes), logits);
              }),
            ),
        },
        context,
      );
    } catch (error) {
      dispose();
      throw error;
    } finally {
      all.dispose();
      optimizer.dispose();
    }
    return {
      parameters: [...variables.values()].reduce((sum, { size }) => sum + size, 0),
      classify: (some) => predictionOf(() => spectralFormerLogits(scaled.spectra(some), variables)),
      dispose,
    };
  },
};

/**
 * Returns a function that scales spectra to 0 … 1, band by band over the training windows; the authors scale over the
 * scene.
 */
function scaledSpectra({ windows, side: ownSide, bands }: WindowArguments) {
  const tf = tensorflow();
  const pixelsOf = (values: Float32Array): Tensor2D => tf.tensor2d(values, [values.length / bands, bands]);
  const [lowest, range] = tf.tidy(() => {
    const values = pixelsOf(windows);
    const low = tf.min(values, 0);
    const span = tf.sub(tf.max(values, 0), low);
    return [low, tf.where(tf.greater(span, 0), span, tf.onesLike(span))] as [Tensor, Tensor];
  });
  return {
    /** `[pixels, bands, area]` */
    spectra: (values: Float32Array): Tensor3D =>
      tf.tidy(() => {
        const shares = tf.div(tf.sub(pixelsOf(values), lowest), range);
        return tf.transpose(tf.reshape(shares, [-1, ownSide ** 2, bands]) as Tensor3D, [0, 2, 1]);
      }),
    tensors: [lowest, range],
  };
}
