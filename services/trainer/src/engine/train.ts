import { failure, throwIfAborted } from '@hyperswap/errors';
import {
  adaptationShapes,
  adaptedWeight,
  findMethod,
  initialFactors,
  methodSettings,
  projectionUpdate,
  type Adaptation,
} from '@hyperswap/peft';
import type { NamedTensor } from '@hyperswap/safetensors';
import {
  features,
  residentBackbone,
  resizeMatrix,
  tokenPixels,
  type BackboneConfig,
  type Weights,
} from '@hyperswap/spectralgpt';
import {
  AdamW,
  cosineSchedule,
  Random,
  tensorflow,
  type MethodContext,
  type Scalar,
  type Tensor,
  type Tensor2D,
} from '@hyperswap/tensor';
import { augmentedBatch, orientedBatch, type AugmentationSettings, type TrainingPatches } from './augmentation.js';

export interface TrainingSettings {
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** The head starts from nothing and may learn faster than the factors. */
  readonly headLearningRate: number;
  readonly weightDecay: number;
  readonly warmUpEpochs: number;
  /** Share of the probability that goes to all classes alike. */
  readonly labelSmoothing: number;
  readonly augmentation: AugmentationSettings;
  readonly seed: number;
}

export interface TrainingArguments {
  readonly backboneDigest: string;
  readonly method: string;
  readonly methodSettings: Readonly<Record<string, number>>;
  /** Scores, `[patches, patchSize, patchSize, components]`. */
  readonly patches: Float32Array;
  /** Class of each patch, from 1. */
  readonly labels: Uint8Array;
  readonly classes: number;
  readonly patchSize: number;
  readonly normalizer: { readonly mean: Float32Array; readonly deviation: Float32Array };
  readonly settings: TrainingSettings;
}

export interface TrainingResult {
  readonly factors: ReadonlyMap<string, NamedTensor>;
  readonly headWeight: NamedTensor;
  readonly headBias: NamedTensor;
  readonly lossByEpoch: readonly number[];
}

/** Sent after each epoch and, within one, as steps are done. */
export interface TrainingReport {
  readonly epoch: number;
  readonly step: number;
  readonly steps: number;
  /** Mean over the last finished epoch. */
  readonly loss: number | undefined;
}

type Variable = Tensor & { readonly name: string };

/** What differs between training the head on cached features and training factors through the backbone. */
interface Learner {
  /** Patches that an epoch passes over. */
  readonly size: number;
  /** Class of each, from 0. */
  readonly labels: Uint8Array;
  /** Pooled features `[chosen, width]` of a batch, prepared outside the gradient. */
  prepare(chosen: Int32Array): { readonly input: Tensor2D; features(input: Tensor2D): Tensor2D };
  dispose(): void;
}

/**
 * Trains an adapter's factors and head on labelled patches; the backbone stays frozen.
 *
 * @throws METHOD_UNKNOWN, METHOD_SETTINGS, TRAINING_DIVERGED, CANCELLED
 */
export async function train(args: TrainingArguments, context: MethodContext): Promise<TrainingResult> {
  const tf = tensorflow();
  const { settings, classes } = args;
  const { backbone, weights } = residentBackbone(args.backboneDigest);
  const { config } = backbone;
  const method = findMethod(args.method);
  const adaptation = { method, settings: methodSettings(method, adaptedWeight(config), args.methodSettings) };
  const random = new Random(settings.seed);
  const variable = (name: string, { shape, values }: NamedTensor): Variable =>
    tf.tidy(() => tf.variable(tf.tensor(values, [...shape]), true, `${name}#${crypto.randomUUID()}`)) as Variable;
  const factors = new Map(
    [...initialFactors(adaptation, config, settings.seed)].map(([name, value]) => [name, variable(name, value)]),
  );
  const headWeight = variable('head.weight', {
    shape: [classes, config.width],
    values: random.normals(classes * config.width, 0.02),
  });
  const headBias = variable('head.bias', { shape: [classes], values: new Float32Array(classes) });
  const variables = [...factors.values(), headWeight, headBias];
  const optimizer = new AdamW(variables as never, { weightDecay: settings.weightDecay });
  const rates = learningRates(adaptation, config, factors, settings);
  const patches = uploadPatches(args, config.components);
  const resize = resizeMatrix(args.patchSize, config);
  let learner: Learner | undefined;
  try {
    learner =
      factors.size === 0
        ? await cachedFeatures(patches, resize, config, weights, context)
        : throughBackbone(patches, resize, config, weights, adaptation, factors, settings, random);
    const { size, labels } = learner;
    const order = Int32Array.from({ length: size }, (_, patch) => patch);
    const batches = Math.ceil(size / settings.batchSize);
    const steps = settings.epochs * batches;
    const lossByEpoch: number[] = [];
    for (let epoch = 0; epoch < settings.epochs; epoch++) {
      random.shuffle(order);
      let sum = 0;
      for (let batch = 0; batch < batches; batch++) {
        throwIfAborted(context.signal, 'Training');
        const step = epoch * batches + batch;
        const chosen = order.slice(batch * settings.batchSize, (batch + 1) * settings.batchSize);
        const factor = cosineSchedule(step, steps, settings.warmUpEpochs * batches);
        const prepared = learner.prepare(chosen);
        const loss = optimizer.minimise(
          () => {
            const logits = tf.add(
              tf.matMul(prepared.features(prepared.input), headWeight as Tensor2D, false, true),
              headBias,
            );
            return crossEntropy(
              logits as Tensor2D,
              chosen.map((patch) => labels[patch]!),
              settings.labelSmoothing,
            );
          },
          (name) => factor * (rates.get(name) ?? settings.headLearningRate),
        );
        prepared.input.dispose();
        if (!Number.isFinite(loss)) {
          const { learningRate } = settings;
          throw failure('TRAINING_DIVERGED', { epoch: epoch + 1, step: step + 1, learningRate });
        }
        sum += loss * chosen.length;
        const report: TrainingReport = { epoch: epoch + 1, step: step + 1, steps, loss: lossByEpoch.at(-1) };
        context.progress(report);
        await context.pause();
      }
      lossByEpoch.push(sum / size);
    }
    const download = (tensor: Tensor): NamedTensor => ({
      shape: tensor.shape,
      values: tensor.dataSync() as Float32Array,
    });
    return {
      factors: new Map([...factors].map(([name, factor]) => [name, download(factor)])),
      headWeight: download(headWeight),
      headBias: download(headBias),
      lossByEpoch,
    };
  } finally {
    learner?.dispose();
    optimizer.dispose();
    tf.dispose([...variables, patches.pixels, resize]);
  }
}

/** Learning rate of each factor, by its variable's name; the boosted ones of a "+" method learn λ times as fast. */
function learningRates(
  adaptation: Adaptation,
  config: BackboneConfig,
  factors: ReadonlyMap<string, Variable>,
  { learningRate }: TrainingSettings,
): ReadonlyMap<string, number> {
  const { lambda } = adaptation.settings;
  return new Map(
    [...adaptationShapes(adaptation, config)].map(([name, { boosted }]) => [
      factors.get(name)!.name,
      boosted ? lambda * learningRate : learningRate,
    ]),
  );
}

function uploadPatches(args: TrainingArguments, components: number): TrainingPatches {
  const tf = tensorflow();
  const { patches, labels, classes, patchSize, normalizer } = args;
  const pixels = tf.tidy(() => {
    const scores = tf.tensor2d(patches, [patches.length / components, components]);
    const centred = tf.sub(scores, tf.tensor1d(normalizer.mean));
    return tf.transpose(tf.div(centred, tf.tensor1d(normalizer.deviation)) as Tensor2D);
  });
  const fromZero = labels.map((label) => label - 1);
  const byClass = Array.from({ length: classes }, (): number[] => []);
  fromZero.forEach((label, patch) => byClass[label]!.push(patch));
  return { pixels, patchSize, labels: fromZero, byClass };
}

/** Gradients through the whole frozen backbone into the factors; patches vary each time they are seen. */
function throughBackbone(
  patches: TrainingPatches,
  resize: Tensor2D,
  config: BackboneConfig,
  weights: Weights,
  adaptation: Adaptation,
  factors: ReadonlyMap<string, Tensor>,
  settings: TrainingSettings,
  random: Random,
): Learner {
  const update = projectionUpdate(adaptation, factors);
  return {
    size: patches.labels.length,
    labels: patches.labels,
    prepare: (chosen) => ({
      input: tensorflow().tidy(() =>
        tokenPixels(augmentedBatch(patches, chosen, settings.augmentation, random), resize, config),
      ),
      features: (input) => features(input, config, weights, update),
    }),
    dispose: () => undefined,
  };
}

/** Features of every patch in all its orientations, computed once: what is left to train is a linear model. */
async function cachedFeatures(
  patches: TrainingPatches,
  resize: Tensor2D,
  config: BackboneConfig,
  weights: Weights,
  context: MethodContext,
): Promise<Learner> {
  const tf = tensorflow();
  const count = patches.labels.length;
  const chunks: Tensor2D[] = [];
  const labels: number[] = [];
  const chunkSize = 128;
  for (let orientation = 0; orientation < 8; orientation++) {
    for (let start = 0; start < count; start += chunkSize) {
      throwIfAborted(context.signal, 'Training');
      const chosen = Int32Array.from({ length: Math.min(chunkSize, count - start) }, (_, i) => start + i);
      chunks.push(
        tf.tidy(() =>
          features(tokenPixels(orientedBatch(patches, chosen, orientation), resize, config), config, weights),
        ),
      );
      for (const patch of chosen) labels.push(patches.labels[patch]!);
      await context.pause();
    }
  }
  const all = tf.concat(chunks, 0);
  tf.dispose(chunks);
  return {
    size: labels.length,
    labels: Uint8Array.from(labels),
    prepare: (chosen) => ({
      input: tf.tidy(() => tf.gather(all, tf.tensor1d(chosen, 'int32'))),
      features: (input) => input,
    }),
    dispose: () => {
      all.dispose();
    },
  };
}

/** Mean cross-entropy with smoothed labels. @param logits `[patches, classes]` @param labels from 0 */
function crossEntropy(logits: Tensor2D, labels: Int32Array, smoothing: number): Scalar {
  const tf = tensorflow();
  const classes = logits.shape[1];
  const target = tf.oneHot(tf.tensor1d(labels, 'int32'), classes);
  const smoothed = tf.add(tf.mul(target, 1 - smoothing), smoothing / classes);
  return tf.neg(tf.mean(tf.sum(tf.mul(smoothed, tf.logSoftmax(logits)), 1)));
}
