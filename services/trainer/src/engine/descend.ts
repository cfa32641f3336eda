/** One run of epochs over the training patches. */
import { failure, throwIfAborted } from '@hyperswap/errors';
import type { NamedTensor } from '@hyperswap/safetensors';
import { AdamW, cosineSchedule, tensorflow, type MethodContext, type Tensor2D, type Variable } from '@hyperswap/tensor';
import { type Random } from '@hyperswap/random';
import type { TrainingPatches } from './augmentation.js';
import { crossEntropy, download, logitsOf, totalWeight, type Head } from './head.js';
import type { Learner } from './learners.js';
import { restoreState, takeState } from './optimizer-state.js';
import type { TrainingSettings } from './settings.js';

export interface Stage {
  /** The head on frozen features, all that learns through the backbone, and the head on the features that came of it. */
  readonly name: 'probe' | 'training' | 'head';
  readonly epochs: number;
  readonly learner: Learner;
  readonly head: Head;
  /** What learns beside the head, by name. */
  readonly variables: ReadonlyMap<string, Variable>;
  /** Learning rate of a variable by its own name. */
  readonly rate: (name: string) => number;
  /** Of the classes in the loss. */
  readonly classWeights: Float32Array;
  readonly validation: TrainingPatches | undefined;
}

/** All that a stage needs to go on after an epoch. */
export interface StageCheckpoint {
  /** Epochs and steps that are done. */
  readonly epoch: number;
  readonly steps: number;
  readonly random: readonly number[];
  readonly losses: readonly number[];
  readonly accuracies: readonly number[];
  /** Parameters, their moments, and under `best.` those of the best epoch where it is looked for. */
  readonly tensors: ReadonlyMap<string, NamedTensor>;
}

/** Sent after each step. */
export interface TrainingReport {
  readonly stage: Stage['name'];
  readonly epoch: number;
  readonly step: number;
  readonly steps: number;
  /** Mean over the last finished epoch. */
  readonly loss: number | undefined;
  readonly checkpoint?: StageCheckpoint;
}

export interface StageResult {
  readonly lossByEpoch: readonly number[];
  /** OA on the validation patches after each epoch, where there are any. */
  readonly accuracyByEpoch: readonly number[];
}

/**
 * Runs a stage. With patience it ends early, when the validation accuracy has not risen for so many epochs, and leaves the parameters of the best epoch.
 *
 * @throws TRAINING_DIVERGED, CANCELLED
 */
export async function descend(
  stage: Stage,
  settings: TrainingSettings,
  random: Random,
  context: MethodContext,
  resumed?: StageCheckpoint,
): Promise<StageResult> {
  const { name, epochs, learner, head, validation } = stage;
  const { batchSize, warmUpEpochs, learningRate, labelSmoothing, schedule, patience } = settings;
  const { labels } = learner;
  const parameters = [...stage.variables, ['head.weight', head.weight], ['head.bias', head.bias]] as [
    string,
    Variable,
  ][];
  const optimizer = new AdamW(
    parameters.map(([, variable]) => variable),
    { weightDecay: settings.weightDecay, maximumGradientNorm: settings.gradientClip },
  );
  const batches = Math.ceil(labels.length / batchSize);
  const steps = epochs * batches;
  const lossByEpoch: number[] = [...(resumed?.losses ?? [])];
  const accuracyByEpoch: number[] = [...(resumed?.accuracies ?? [])];
  let best = new Map<string, NamedTensor>();
  if (resumed !== undefined) {
    restoreState(resumed.tensors, parameters, optimizer, resumed.steps);
    random.restore(resumed.random);
    best = new Map(
      parameters.flatMap(([key]) => {
        const kept = resumed.tensors.get(`best.${key}`);
        return kept === undefined ? [] : [[key, kept] as const];
      }),
    );
  }
  try {
    for (let epoch = lossByEpoch.length; epoch < epochs; epoch++) {
      if (patience > 0 && epochsSinceBest(accuracyByEpoch) >= patience) break;
      // Every epoch's order depends on where the random numbers stand, not on the order before: a resumed run has the same.
      const order = random.shuffle(Int32Array.from({ length: labels.length }, (_, patch) => patch));
      let sum = 0;
      for (let batch = 0; batch < batches; batch++) {
        throwIfAborted(context.signal, 'Training');
        const step = epoch * batches + batch;
        const chosen = order.slice(batch * batchSize, (batch + 1) * batchSize);
        const factor = schedule === 'cosine' ? cosineSchedule(step, steps, warmUpEpochs * batches) : 1;
        const classesOf = (some: Int32Array): Int32Array => some.map((patch) => labels[patch]!);
        const weight = totalWeight(classesOf(chosen), stage.classWeights);
        const parts = inParts(chosen, learner.atOnce).map((part) => ({
          classes: classesOf(part),
          prepared: learner.prepare(part),
        }));
        const loss = optimizer.minimise(
          parts.map(({ classes, prepared }) => () => {
            return crossEntropy(
              logitsOf(head, prepared.features()),
              classes,
              labelSmoothing,
              stage.classWeights,
              weight,
            );
          }),
          (parameter) => factor * stage.rate(parameter),
        );
        for (const { prepared } of parts) prepared.input.dispose();
        if (!Number.isFinite(loss))
          throw failure('TRAINING_DIVERGED', { epoch: epoch + 1, step: step + 1, learningRate });
        sum += loss * chosen.length;
        if (batch === batches - 1) {
          lossByEpoch.push(sum / labels.length);
          if (validation !== undefined) accuracyByEpoch.push(await accuracy(learner, head, validation));
          if (patience > 0 && epochsSinceBest(accuracyByEpoch) === 0) {
            best = new Map(parameters.map(([key, variable]) => [key, download(variable)]));
          }
        }
        const report: TrainingReport = {
          stage: name,
          epoch: epoch + 1,
          step: step + 1,
          steps,
          loss: lossByEpoch.at(-1),
        };
        context.progress(report);
        await context.pause();
      }
      const { checkpointEvery } = settings;
      if (name === 'training' && checkpointEvery > 0 && (epoch + 1) % checkpointEvery === 0 && epoch + 1 < epochs) {
        const tensors = takeState(parameters, optimizer);
        for (const [key, value] of best) tensors.set(`best.${key}`, value);
        const done = { epoch: epoch + 1, steps: (epoch + 1) * batches, random: random.state(), tensors };
        const checkpoint = { ...done, losses: [...lossByEpoch], accuracies: [...accuracyByEpoch] };
        const step = (epoch + 1) * batches;
        context.progress({ stage: name, epoch: epoch + 1, step, steps, loss: lossByEpoch.at(-1), checkpoint });
      }
    }
    for (const [key, variable] of parameters) {
      const kept = best.get(key);
      if (kept !== undefined) assign(variable, kept);
    }
    return { lossByEpoch, accuracyByEpoch };
  } finally {
    optimizer.dispose();
  }
}

/** Nearly equal parts, none larger than a limit. */
function inParts(chosen: Int32Array, limit: number): Int32Array[] {
  const parts = Math.max(1, Math.ceil(chosen.length / limit));
  const size = Math.ceil(chosen.length / parts);
  return Array.from({ length: parts }, (_, part) => chosen.slice(part * size, (part + 1) * size));
}

/** Epochs after the first one of the highest accuracy; 0 when that is the last. */
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
