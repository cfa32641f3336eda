/** Stage of a training: epochs over the training patches. */
import { failure, throwIfAborted } from '@hyperswap/errors';
import type { NamedTensor } from '@hyperswap/safetensors';
import {
  AdamW,
  cosineSchedule,
  restoreState,
  takeState,
  tensorflow,
  type MethodContext,
  type Tensor2D,
  type TrainingCheckpoint,
  type Variable,
} from '@hyperswap/tensor';
import { type Random } from '@hyperswap/random';
import type { TrainingPatches } from './augmentation.js';
import { crossEntropy, download, logitsOf, totalWeight, type Head } from './head.js';
import type { Learner } from './learners.js';
import type { TrainingSettings } from './settings.js';

export interface Stage {
  /** Stage: the head on frozen features, all learned parameters, or a new head on the resulting features. */
  readonly name: 'probe' | 'training' | 'head';
  readonly epochs: number;
  readonly learner: Learner;
  readonly head: Head;
  /** Learned parameters besides the head, by name. */
  readonly variables: ReadonlyMap<string, Variable>;
  /** Learning rate of a variable by its own name. */
  readonly rate: (name: string) => number;
  /** Weights of the classes in the loss. */
  readonly classWeights: Float32Array;
  readonly validation: TrainingPatches | undefined;
}

/** Report after each step. */
export interface TrainingReport {
  readonly stage: Stage['name'];
  readonly epoch: number;
  readonly step: number;
  readonly steps: number;
  /** Mean over the last completed epoch. */
  readonly loss: number | undefined;
  readonly checkpoint?: TrainingCheckpoint;
}

export interface StageResult {
  readonly lossByEpoch: readonly number[];
  /** OA on the validation patches after each epoch, if there are any. */
  readonly accuracyByEpoch: readonly number[];
}

/**
 * Runs a stage. With patience it ends early if the validation accuracy has not risen for that many epochs, and restores
 * the parameters of the best epoch.
 *
 * @throws TRAINING_DIVERGED, CANCELLED
 */
export async function descend(
  stage: Stage,
  settings: TrainingSettings,
  random: Random,
  context: MethodContext,
  resumed?: TrainingCheckpoint,
): Promise<StageResult> {
  const descent = new Descent(stage, settings, random, context);
  try {
    if (resumed !== undefined) descent.restore(resumed);
    return await descent.run();
  } finally {
    descent.dispose();
  }
}

/** State of a running stage: optimiser, curves, and the parameters of the best epoch. */
class Descent {
  private readonly parameters: readonly (readonly [string, Variable])[];
  private readonly optimizer: AdamW;
  private readonly batches: number;
  private readonly steps: number;
  private lossByEpoch: number[] = [];
  private accuracyByEpoch: number[] = [];
  /** Parameters of the best epoch, if patience is set. */
  private best = new Map<string, NamedTensor>();

  constructor(
    private readonly stage: Stage,
    private readonly settings: TrainingSettings,
    private readonly random: Random,
    private readonly context: MethodContext,
  ) {
    const { head, variables, learner, epochs } = stage;
    this.parameters = [...variables, ['head.weight', head.weight], ['head.bias', head.bias]];
    const { weightDecay, gradientClip: maximumGradientNorm, batchSize } = settings;
    this.optimizer = new AdamW(
      this.parameters.map(([, variable]) => variable),
      { weightDecay, maximumGradientNorm },
    );
    this.batches = Math.ceil(learner.labels.length / batchSize);
    this.steps = epochs * this.batches;
  }

  /** Restores a checkpoint. */
  restore({ tensors, steps, random, losses, accuracies }: TrainingCheckpoint): void {
    restoreState(tensors, this.parameters, this.optimizer, steps);
    this.random.restore(random);
    this.lossByEpoch = [...losses];
    this.accuracyByEpoch = [...accuracies];
    for (const [key] of this.parameters) {
      const kept = tensors.get(`best.${key}`);
      if (kept !== undefined) this.best.set(key, kept);
    }
  }

  async run(): Promise<StageResult> {
    const { epochs, validation, learner, head } = this.stage;
    const { patience } = this.settings;
    for (let epoch = this.lossByEpoch.length; epoch < epochs; epoch++) {
      if (patience > 0 && epochsSinceBest(this.accuracyByEpoch) >= patience) break;
      const meanLoss = await this.runEpoch(epoch);
      this.lossByEpoch.push(meanLoss);
      if (validation !== undefined) this.accuracyByEpoch.push(await accuracy(learner, head, validation));
      if (patience > 0 && epochsSinceBest(this.accuracyByEpoch) === 0) {
        this.best = new Map(this.parameters.map(([key, variable]) => [key, download(variable)]));
      }
      await this.report(epoch, (epoch + 1) * this.batches);
      this.offerCheckpoint(epoch);
    }
    for (const [key, variable] of this.parameters) {
      const kept = this.best.get(key);
      if (kept !== undefined) assign(variable, kept);
    }
    return { lossByEpoch: this.lossByEpoch, accuracyByEpoch: this.accuracyByEpoch };
  }

  dispose(): void {
    this.optimizer.dispose();
  }

  /** Runs all batches of an epoch. @returns the mean loss of a patch @throws TRAINING_DIVERGED, CANCELLED */
  private async runEpoch(epoch: number): Promise<number> {
    const { length } = this.stage.learner.labels;
    const { batchSize, learningRate } = this.settings;
    // The order depends only on the random state, not on the previous order, so a resumed run has the same order.
    const order = this.random.shuffle(Int32Array.from({ length }, (_, patch) => patch));
    let sum = 0;
    for (let batch = 0; batch < this.batches; batch++) {
      throwIfAborted(this.context.signal, 'Training');
      const step = epoch * this.batches + batch;
      const chosen = order.slice(batch * batchSize, (batch + 1) * batchSize);
      const loss = this.descendStep(chosen, step);
      if (!Number.isFinite(loss))
        throw failure('TRAINING_DIVERGED', { epoch: epoch + 1, step: step + 1, learningRate });
      sum += loss * chosen.length;
      // The last step of an epoch is reported with the epoch's loss.
      if (batch < this.batches - 1) await this.report(epoch, step + 1);
    }
    return sum / length;
  }

  /** Takes one optimiser step on a batch, part by part. @returns the loss */
  private descendStep(chosen: Int32Array, step: number): number {
    const { learner, head, classWeights, rate } = this.stage;
    const { schedule, warmUpEpochs, labelSmoothing } = this.settings;
    const factor = schedule === 'cosine' ? cosineSchedule(step, this.steps, warmUpEpochs * this.batches) : 1;
    const classesOf = (some: Int32Array): Int32Array => some.map((patch) => learner.labels[patch]!);
    const weight = totalWeight(classesOf(chosen), classWeights);
    const parts = inParts(chosen, learner.atOnce).map((part) => ({
      classes: classesOf(part),
      prepared: learner.prepare(part),
    }));
    const loss = this.optimizer.minimise(
      parts.map(
        ({ classes, prepared }) =>
          () =>
            crossEntropy(logitsOf(head, prepared.features()), classes, labelSmoothing, classWeights, weight),
      ),
      (parameter) => factor * rate(parameter),
    );
    for (const { prepared } of parts) prepared.input.dispose();
    return loss;
  }

  private async report(epoch: number, step: number): Promise<void> {
    const { steps } = this;
    const loss = this.lossByEpoch.at(-1);
    const report: TrainingReport = { stage: this.stage.name, epoch: epoch + 1, step, steps, loss };
    this.context.progress(report);
    await this.context.pause();
  }

  /** Sends a checkpoint every few epochs of the training itself. */
  private offerCheckpoint(epoch: number): void {
    const { name, epochs } = this.stage;
    const { checkpointEvery } = this.settings;
    const done = epoch + 1;
    if (name !== 'training' || checkpointEvery === 0 || done % checkpointEvery !== 0 || done === epochs) return;
    const tensors = takeState(this.parameters, this.optimizer);
    for (const [key, value] of this.best) tensors.set(`best.${key}`, value);
    const step = done * this.batches;
    const checkpoint: TrainingCheckpoint = {
      epoch: done,
      steps: step,
      random: this.random.state(),
      tensors,
      losses: [...this.lossByEpoch],
      accuracies: [...this.accuracyByEpoch],
    };
    const report = { stage: name, epoch: done, step, steps: this.steps, loss: this.lossByEpoch.at(-1), checkpoint };
    this.context.progress(report satisfies TrainingReport);
  }
}

/** Splits a list into nearly equal parts, none larger than a limit. */
function inParts(chosen: Int32Array, limit: number): Int32Array[] {
  const parts = Math.max(1, Math.ceil(chosen.length / limit));
  const size = Math.ceil(chosen.length / parts);
  return Array.from({ length: parts }, (_, part) => chosen.slice(part * size, (part + 1) * size));
}

/** Counts the epochs since the first one of the highest accuracy; 0 if that is the last. */
function epochsSinceBest(accuracies: readonly number[]): number {
  if (accuracies.length === 0) return 0;
  return accuracies.length - 1 - accuracies.indexOf(Math.max(...accuracies));
}

async function accuracy(learner: Learner, head: Head, validation: TrainingPatches): Promise<number> {
  const tf = tensorflow();
  const features: Tensor2D = await learner.validationFeatures(validation);
  const predicted = tf.tidy(() => tf.argMax(logitsOf(head, features), 1).dataSync());
  features.dispose();
  return validation.labels.filter((label, i) => label === predicted[i]).length / validation.labels.length;
}

function assign(variable: Variable, { shape, values }: NamedTensor): void {
  const tensor = tensorflow().tensor(values, [...shape]);
  variable.assign(tensor);
  tensor.dispose();
}
