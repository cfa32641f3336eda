import { failure, throwIfAborted } from '@hyperswap/errors';
import {
  adaptationShapes,
  adaptedWeight,
  findMethod,
  initialFactors,
  methodSettings,
  type Adaptation,
} from '@hyperswap/peft';
import type { NamedTensor } from '@hyperswap/safetensors';
import { residentBackbone, resizeMatrix, type BackboneConfig } from '@hyperswap/spectralgpt';
import {
  AdamW,
  cosineSchedule,
  Random,
  tensorflow,
  type MethodContext,
  type Precision,
  type Scalar,
  type Tensor,
  type Tensor2D,
  type Variable,
} from '@hyperswap/tensor';
import type { AugmentationSettings, TrainingPatches } from './augmentation.js';
import {
  backboneLearner,
  cachedLearner,
  featureSpread,
  frozenFeatures,
  type FeatureSpread,
  type Learner,
} from './learners.js';

export interface TrainingSettings {
  readonly epochs: number;
  /** Epochs of the head alone before that, for methods that have factors. */
  readonly probeEpochs: number;
  readonly batchSize: number;
  /** Of the factors, and of the head while they learn. */
  readonly learningRate: number;
  /** Of the head alone, as a linear probe. */
  readonly headLearningRate: number;
  readonly weightDecay: number;
  readonly warmUpEpochs: number;
  /** Share of a patch's tokens that a step hides, as in pretraining: faster steps, and no patch is learned by heart. */
  readonly hiddenTokens: number;
  /** Share of the probability that goes to all classes alike. */
  readonly labelSmoothing: number;
  readonly augmentation: AugmentationSettings;
  readonly seed: number;
}

export interface TrainingArguments {
  readonly backboneDigest: string;
  readonly precision: Precision;
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

/** Sent after each step. */
export interface TrainingReport {
  /** The head on frozen features, or factors and head through the backbone. */
  readonly stage: 'probe' | 'training';
  readonly epoch: number;
  readonly step: number;
  readonly steps: number;
  /** Mean over the last finished epoch. */
  readonly loss: number | undefined;
}

/**
 * Trains an adapter's factors and head on labelled patches; the backbone stays frozen. The head comes first, as a linear probe, and
 * the factors start from there (Kumar et al. 2022, arXiv:2202.10054). It learns on features brought to mean 0 and deviation 1,
 * which lets one learning rate suit all; that is folded into its weights at the end.
 *
 * @throws METHOD_UNKNOWN, METHOD_SETTINGS, TRAINING_DIVERGED, CANCELLED
 */
export async function train(args: TrainingArguments, context: MethodContext): Promise<TrainingResult> {
  const tf = tensorflow();
  const { settings, classes } = args;
  const resident = residentBackbone(args.backboneDigest, args.precision);
  const { config } = resident.backbone;
  const method = findMethod(args.method);
  const adaptation = { method, settings: methodSettings(method, adaptedWeight(config), args.methodSettings) };
  const random = new Random(settings.seed);
  const factors = new Map(
    [...initialFactors(adaptation, config, settings.seed)].map(([name, value]) => [name, variable(name, value)]),
  );
  const headWeight = variable('head.weight', {
    shape: [classes, config.width],
    values: new Float32Array(classes * config.width),
  });
  const headBias = variable('head.bias', { shape: [classes], values: new Float32Array(classes) });
  const optimizer = new AdamW([...factors.values(), headWeight, headBias], { weightDecay: settings.weightDecay });
  const headOptimizer = new AdamW([headWeight, headBias], { weightDecay: settings.weightDecay });
  const factorRates = learningRates(adaptation, config, factors, settings);
  const patches = uploadPatches(args, config.components);
  const resize = resizeMatrix(args.patchSize, config);
  const learning = { patches, resize, resident, context };
  let spread: FeatureSpread | undefined;
  try {
    const plain = await frozenFeatures(learning, 0);
    spread = featureSpread(plain);
    plain.dispose();
    const head = { weight: headWeight, bias: headBias };
    const probe = await cachedLearner(learning, settings.augmentation.orientations);
    let lossByEpoch: number[];
    try {
      const epochs = factors.size === 0 ? settings.epochs : settings.probeEpochs;
      const rates = { factors: new Map<string, number>(), head: settings.headLearningRate };
      const stage = { name: 'probe', epochs, rates } as const;
      lossByEpoch = await descend(stage, probe, head, spread, headOptimizer, settings, random, context);
    } finally {
      probe.dispose();
    }
    if (factors.size > 0) {
      const learner = backboneLearner(learning, adaptation, factors, settings, random);
      // The head has found its place already; it follows the factors at their pace.
      const rates = { factors: factorRates, head: settings.learningRate };
      const stage = { name: 'training', epochs: settings.epochs, rates } as const;
      lossByEpoch = await descend(stage, learner, head, spread, optimizer, settings, random, context);
    }
    const folded = foldSpread(headWeight, headBias, spread);
    return { factors: new Map([...factors].map(([name, factor]) => [name, download(factor)])), ...folded, lossByEpoch };
  } finally {
    optimizer.dispose();
    headOptimizer.dispose();
    tf.dispose([...factors.values(), headWeight, headBias, patches.pixels, resize]);
    tf.dispose(spread === undefined ? [] : [spread.mean, spread.deviation]);
  }
}

interface Head {
  /** `[classes, width]` */
  readonly weight: Variable;
  /** `[classes]` */
  readonly bias: Variable;
}

/** One run of epochs over the training patches. */
interface Stage {
  readonly name: TrainingReport['stage'];
  readonly epochs: number;
  /** Learning rates of factors by their variable's name, and of the head. */
  readonly rates: { readonly factors: ReadonlyMap<string, number>; readonly head: number };
}

/** Runs a stage. @returns the mean loss of each epoch */
async function descend(
  { name, epochs, rates }: Stage,
  learner: Learner,
  head: Head,
  spread: FeatureSpread,
  optimizer: AdamW,
  settings: TrainingSettings,
  random: Random,
  context: MethodContext,
): Promise<number[]> {
  const tf = tensorflow();
  const { labels } = learner;
  const { batchSize, warmUpEpochs, learningRate, labelSmoothing } = settings;
  const order = Int32Array.from({ length: labels.length }, (_, patch) => patch);
  const batches = Math.ceil(labels.length / batchSize);
  const steps = epochs * batches;
  const lossByEpoch: number[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    random.shuffle(order);
    let sum = 0;
    for (let batch = 0; batch < batches; batch++) {
      throwIfAborted(context.signal, 'Training');
      const step = epoch * batches + batch;
      const chosen = order.slice(batch * batchSize, (batch + 1) * batchSize);
      const factor = cosineSchedule(step, steps, warmUpEpochs * batches);
      const prepared = learner.prepare(chosen);
      const loss = optimizer.minimise(
        () => {
          const standardised = tf.div(tf.sub(prepared.features(), spread.mean), spread.deviation) as Tensor2D;
          const logits = tf.add(tf.matMul(standardised, head.weight as unknown as Tensor2D, false, true), head.bias);
          return crossEntropy(
            logits as Tensor2D,
            chosen.map((patch) => labels[patch]!),
            labelSmoothing,
          );
        },
        (parameter) => factor * (rates.factors.get(parameter) ?? rates.head),
      );
      prepared.input.dispose();
      if (!Number.isFinite(loss))
        throw failure('TRAINING_DIVERGED', { epoch: epoch + 1, step: step + 1, learningRate });
      sum += loss * chosen.length;
      const report: TrainingReport = { stage: name, epoch: epoch + 1, step: step + 1, steps, loss: lossByEpoch.at(-1) };
      context.progress(report);
      await context.pause();
    }
    lossByEpoch.push(sum / labels.length);
  }
  return lossByEpoch;
}

/** The head on plain features: W / σ and b − W · μ / σ. */
function foldSpread(weight: Variable, bias: Variable, { mean, deviation }: FeatureSpread) {
  const tf = tensorflow();
  const [foldedWeight, foldedBias] = tf.tidy(() => {
    const scaled = tf.div(weight, deviation) as Tensor2D;
    return [scaled, tf.sub(bias, tf.sum(tf.mul(scaled, mean), 1))] as [Tensor, Tensor];
  });
  const head = { headWeight: download(foldedWeight), headBias: download(foldedBias) };
  tf.dispose([foldedWeight, foldedBias]);
  return head;
}

function variable(name: string, { shape, values }: NamedTensor): Variable {
  const tf = tensorflow();
  return tf.tidy(() => tf.variable(tf.tensor(values, [...shape]), true, `${name}#${crypto.randomUUID()}`));
}

function download(tensor: Tensor): NamedTensor {
  return { shape: tensor.shape, values: tensor.dataSync() as Float32Array };
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

/** Mean cross-entropy with smoothed labels. @param logits `[patches, classes]` @param labels from 0 */
function crossEntropy(logits: Tensor2D, labels: Int32Array, smoothing: number): Scalar {
  const tf = tensorflow();
  const classes = logits.shape[1];
  const target = tf.oneHot(tf.tensor1d(labels, 'int32'), classes);
  const smoothed = tf.add(tf.mul(target, 1 - smoothing), smoothing / classes);
  return tf.neg(tf.mean(tf.sum(tf.mul(smoothed, tf.logSoftmax(logits)), 1)));
}
