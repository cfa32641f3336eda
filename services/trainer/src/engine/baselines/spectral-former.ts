/**
 * SpectralFormer trained from scratch on the same pixels, as an example of a hyperspectral network without pretraining.
 */
import { failure, throwIfAborted } from '@hyperswap/errors';
import {
  AdamW,
  cosineSchedule,
  deviceScope,
  tensorflow,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
} from '@hyperswap/tensor';
import { Random } from '@hyperswap/random';
import type { TrainingReport } from '../descend.js';
import { crossEntropy } from '../head.js';
import { restoreState, takeState } from '../optimizer-state.js';
import { makeVariable } from '../parameters.js';
import type { Baseline, BaselineArguments } from './baseline.js';
import { initialValues, spectralFormerLogits, spectralFormerShapes } from './spectral-former-network.js';

/** Settings of the authors' code for Indian Pines: side of a patch, patches per step, epochs and learning rate. */
const side = 7;
const batchSize = 64;
const defaultEpochs = 300;
const learningRate = 5e-4;
/** Epochs from one checkpoint to the next. */
const checkpointEpochs = 5;

export const spectralFormer: Baseline = {
  name: 'spectralformer',
  takes: 'bands',
  side,
  description: `SpectralFormer from scratch, ${side} × ${side} patches, on all bands`,
  fit: async (args, context) => {
    const tf = tensorflow();
    const { patches, classes, components: bands, patchSize, seed } = args;
    const epochs = args.epochs ?? defaultEpochs;
    const scaled = scaledSpectra(args);
    const size = { bands, area: patchSize ** 2, classes };
    const shapes = spectralFormerShapes(size);
    const variables = new Map(
      [...initialValues(shapes, seed)].map(([name, values]) => [
        name,
        makeVariable(name, { shape: shapes.get(name)![0], values }),
      ]),
    );
    const all = scaled.spectra(patches.scores);
    const optimizer = new AdamW([...variables.values()], { weightDecay: 0 });
    const random = new Random(seed);
    const count = patches.labels.length;
    const batches = Math.ceil(count / batchSize);
    const weights = new Float32Array(classes).fill(1);
    const parameters = [...variables];
    const steps = epochs * batches;
    const losses: number[] = [];
    /** Runs the steps of an epoch. @returns the mean loss of a patch */
    const runEpoch = async (epoch: number): Promise<number> => {
      const order = random.shuffle(Int32Array.from({ length: count }, (_, patch) => patch));
      let sum = 0;
      for (let batch = 0; batch < batches; batch++) {
        throwIfAborted(context.signal, 'Training');
        const step = epoch * batches + batch;
        const chosen = order.slice(batch * batchSize, (batch + 1) * batchSize);
        const input = tf.tidy(() => tf.gather(all, tf.tensor1d(chosen, 'int32')));
        const labels = chosen.map((patch) => patches.labels[patch]! - 1);
        const rate = learningRate * cosineSchedule(step, steps, 0);
        const loss = optimizer.minimise(
          () => crossEntropy(spectralFormerLogits(input, variables), labels, 0, weights),
          () => rate,
        );
        input.dispose();
        if (!Number.isFinite(loss)) {
          throw failure('TRAINING_DIVERGED', { epoch: epoch + 1, step: step + 1, learningRate });
        }
        sum += loss * chosen.length;
        const report = { stage: 'training', epoch: epoch + 1, step: step + 1, steps, loss } as const;
        context.progress(report satisfies TrainingReport);
        await context.pause();
      }
      return sum / count;
    };
    try {
      if (args.resumed !== undefined) {
        restoreState(args.resumed.tensors, parameters, optimizer, args.resumed.steps);
        random.restore(args.resumed.random);
        losses.push(...args.resumed.losses);
      }
      for (let epoch = losses.length; epoch < epochs; epoch++) {
        losses.push(await runEpoch(epoch));
        const done = epoch + 1;
        if (done % checkpointEpochs !== 0 || done === epochs) continue;
        const state = { epoch: done, steps: done * batches, random: random.state(), losses, accuracies: [] };
        const checkpoint = { ...state, tensors: takeState(parameters, optimizer) };
        const report = { stage: 'training', epoch: done, step: done * batches, steps, loss: losses.at(-1) } as const;
        context.progress({ ...report, checkpoint } satisfies TrainingReport);
      }
    } catch (error) {
      tf.dispose([...variables.values(), ...scaled.tensors]);
      throw error;
    } finally {
      all.dispose();
      optimizer.dispose();
    }
    return {
      parameters: [...variables.values()].reduce((sum, { size: values }) => sum + values, 0),
      classify: (scores) => {
        const [classes, shares] = deviceScope(() =>
          tf.tidy(() => {
            const distribution = tf.softmax(spectralFormerLogits(scaled.spectra(scores), variables));
            return [tf.argMax(distribution, 1).dataSync(), tf.max(distribution, 1).dataSync()] as const;
          }),
        );
        return {
          labels: Uint8Array.from(classes, (index) => index + 1),
          confidence: Uint8Array.from(shares, (share) => Math.round(255 * share)),
        };
      },
      dispose: () => tf.dispose([...variables.values(), ...scaled.tensors]),
    };
  },
};

/**
 * Returns a function that scales the spectra of patches to 0 … 1, band by band over the training patches; the authors scale over the
 * scene.
 */
function scaledSpectra({ patches, patchSize, components: bands }: BaselineArguments) {
  const tf = tensorflow();
  const pixelsOf = (values: Float32Array): Tensor2D => tf.tensor2d(values, [values.length / bands, bands]);
  const [lowest, range] = tf.tidy(() => {
    const values = pixelsOf(patches.scores);
    const low = tf.min(values, 0);
    const span = tf.sub(tf.max(values, 0), low);
    return [low, tf.where(tf.greater(span, 0), span, tf.onesLike(span))] as [Tensor, Tensor];
  });
  return {
    /** `[patches, bands, area]` */
    spectra: (values: Float32Array): Tensor3D =>
      tf.tidy(() => {
        const shares = tf.div(tf.sub(pixelsOf(values), lowest), range);
        return tf.transpose(tf.reshape(shares, [-1, patchSize ** 2, bands]) as Tensor3D, [0, 2, 1]);
      }),
    tensors: [lowest, range],
  };
}
