/** Epochs of a rival's training: steps, progress, cancel, checkpoints, and the choice of an epoch by validation. */
import { failure, throwIfAborted } from '@hyperswap/errors';
import type { Random } from '@hyperswap/random';
import type { NamedTensor } from '@hyperswap/safetensors';
import {
  restoreState,
  takeState,
  tensorflow,
  type AdamW,
  type MethodContext,
  type Scalar,
  type TrainingCheckpoint,
  type Variable,
} from '@hyperswap/tensor';
import type { RivalProgress } from './rival.js';

/** Takes one optimiser step on a loss, or on parts that add up to it, and returns the loss before it. */
export type TakeStep = (loss: (() => Scalar) | readonly (() => Scalar)[]) => Promise<number>;

export interface Epochs {
  /** Stage in reports. @default 'training' */
  readonly stage?: 'head' | 'training';
  readonly variables: ReadonlyMap<string, Variable>;
  /** Optimiser of the variables, in their order. */
  readonly optimizer: AdamW;
  readonly random: Random;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** Epochs from one checkpoint to the next. */
  readonly checkpointEvery: number;
  /** @param step from 0 @param steps of the whole training */
  readonly learningRate: (step: number, steps: number) => number;
  /** Factor on the learning rate of a variable, by its own name; 1 if omitted. */
  readonly rateFactor?: ((name: string) => number) | undefined;
  readonly resumed: TrainingCheckpoint | undefined;
  /** Runs all steps of an epoch. @returns the mean loss of a pixel */
  readonly runEpoch: (step: TakeStep) => Promise<number>;
  /** Returns the accuracy on the validation pixels. The parameters of the best epoch are kept, the later one of two. */
  readonly validate?: (() => number) | undefined;
}

export interface Curves {
  readonly losses: readonly number[];
  readonly accuracies: readonly number[];
}

/** Runs the epochs of a training. @throws TRAINING_DIVERGED, CANCELLED */
export async function runEpochs(training: Epochs, context: MethodContext): Promise<Curves> {
  const { variables, optimizer, random, epochs, stepsPerEpoch, resumed } = training;
  const { stage = 'training', rateFactor = () => 1 } = training;
  const parameters = [...variables];
  const steps = epochs * stepsPerEpoch;
  const losses: number[] = [];
  const accuracies: number[] = [];
  let best = new Map<string, NamedTensor>();
  if (resumed !== undefined) {
    restoreState(resumed.tensors, parameters, optimizer, resumed.steps);
    random.restore(resumed.random);
    losses.push(...resumed.losses);
    accuracies.push(...resumed.accuracies);
    best = bestOf(resumed.tensors);
  }
  const report = (progress: Omit<RivalProgress, 'stage' | 'steps'>): void =>
    context.progress({ stage, steps, ...progress } satisfies RivalProgress);
  for (let epoch = losses.length; epoch < epochs; epoch++) {
    let step = epoch * stepsPerEpoch;
    losses.push(
      await training.runEpoch(async (loss) => {
        throwIfAborted(context.signal, 'Training');
        const learningRate = training.learningRate(step, steps);
        step += 1;
        const value = optimizer.minimise(loss, (name) => learningRate * rateFactor(name));
        if (!Number.isFinite(value)) throw failure('TRAINING_DIVERGED', { epoch: epoch + 1, step, learningRate });
        report({ epoch: epoch + 1, step, loss: losses.at(-1) });
        await context.pause();
        return value;
      }),
    );
    if (training.validate !== undefined) {
      accuracies.push(training.validate());
      if (accuracies.at(-1) === Math.max(...accuracies)) best = values(parameters);
    }
    const done = epoch + 1;
    if (done % training.checkpointEvery !== 0 || done === epochs) continue;
    const tensors = takeState(parameters, optimizer);
    for (const [name, kept] of best) tensors.set(`${bestPrefix}${name}`, kept);
    const curves = { losses: [...losses], accuracies: [...accuracies] };
    const checkpoint: TrainingCheckpoint = { epoch: done, steps: step, random: random.state(), ...curves, tensors };
    report({ epoch: done, step, loss: losses.at(-1), checkpoint });
  }
  for (const [name, { values: kept, shape }] of best) {
    const tensor = tensorflow().tensor(kept, [...shape]);
    variables.get(name)!.assign(tensor);
    tensor.dispose();
  }
  return { losses, accuracies };
}

const bestPrefix = 'best.';

function bestOf(tensors: ReadonlyMap<string, NamedTensor>): Map<string, NamedTensor> {
  const own = [...tensors].filter(([name]) => name.startsWith(bestPrefix));
  return new Map(own.map(([name, tensor]) => [name.slice(bestPrefix.length), tensor]));
}

function values(parameters: readonly (readonly [string, Variable])[]): Map<string, NamedTensor> {
  return new Map(
    parameters.map(([name, variable]) => [
      name,
      { shape: variable.shape, values: variable.dataSync() as Float32Array },
    ]),
  );
}
