import { throwIfAborted, failure } from '@hyperswap/errors';
import { orientationCount, orientedOffsets, writePatchIndices } from '@hyperswap/scene';
import type { NamedTensor } from '@hyperswap/safetensors';
import {
  decoderShapes,
  encoderShapes,
  gatherPatches,
  initialParameters,
  learningPrecision,
  randomMask,
  reconstructionLoss,
  resizeMatrix,
  tokenCount,
  tokenPixels,
  Weights,
  withTensors,
  type Backbone,
  type BackboneConfig,
  type DecoderConfig,
  type ParameterShapes,
  type PrecisionChoice,
} from '@hyperswap/spectralgpt';
import {
  AdamW,
  cosineSchedule,
  Moved,
  restoreState,
  takeState,
  tensorflow,
  type MethodContext,
  type Tensor2D,
} from '@hyperswap/tensor';
import { Random } from '@hyperswap/random';

/** Unlabelled pixels of one scene. */
export interface UnlabelledScene {
  readonly height: number;
  readonly width: number;
  /** Normalised scores, `[components, height · width]`: component after component. */
  readonly pixels: Float32Array;
  /** Pixels that patches are drawn around, in ascending order; undefined for all. */
  readonly centres?: Int32Array;
}

export interface PretrainingSettings {
  readonly config: BackboneConfig;
  readonly decoder: DecoderConfig;
  readonly steps: number;
  readonly batchSize: number;
  /** Share of the tokens that the encoder does not see. */
  readonly hiddenShare: number;
  readonly learningRate: number;
  readonly warmUpSteps: number;
  /** Patch sizes; each batch uses one at random, so that the backbone sees many scales. */
  readonly patchSizes: readonly number[];
  /** Steps between checkpoints; 0 for none. */
  readonly checkpointEvery: number;
  /** Starts from random weights, though another backbone gives the structure. */
  readonly hasRandomStart?: boolean;
  readonly seed: number;
}

export interface PretrainingStep {
  readonly step: number;
  readonly loss: number;
  /** Called after every `checkpointEvery` steps. */
  readonly checkpoint?: PretrainingCheckpoint;
}

/** State from which a run continues: parameters, and under `first.` and `second.` their moments. */
export interface PretrainingCheckpoint {
  readonly steps: number;
  readonly random: readonly number[];
  readonly tensors: ReadonlyMap<string, NamedTensor>;
}

export interface PretrainingArguments {
  readonly scenes: readonly UnlabelledScene[];
  readonly settings: PretrainingSettings;
  readonly precision: PrecisionChoice;
  /** Encoder to start from; by default a fresh one. */
  readonly start: Backbone | undefined;
  /** Checkpoint of an earlier run with the same settings. */
  readonly resumed: PretrainingCheckpoint | undefined;
}

interface Sampler {
  readonly scene: UnlabelledScene;
  /** Scores on the device, `[components, pixels]`. */
  readonly pixels: Tensor2D;
}

/**
 * Pretrains an encoder on unlabelled scenes as a masked autoencoder. Without a step it returns the weights that it
 * starts with.
 *
 * @returns the encoder's tensors; the decoder is discarded
 * @throws TRAINING_DIVERGED if the loss is not finite; CANCELLED
 */
export async function pretrain(
  { scenes, settings, precision: choice, start, resumed }: PretrainingArguments,
  context: MethodContext,
): Promise<Moved<ReadonlyMap<string, NamedTensor>>> {
  const tf = tensorflow();
  const { config, decoder, steps, batchSize, learningRate, warmUpSteps, seed } = settings;
  const random = new Random(seed);
  const shapes = new Map([...encoderShapes(config), ...decoderShapes(config, decoder)]);
  const precision = learningPrecision(choice);
  const initial = startingParameters(shapes, seed, settings.hasRandomStart === true ? undefined : start);
  const parameters = [...shapes].map(([name, shape]) => {
    const { values } = initial.get(name)!;
    return [name, tf.tidy(() => tf.variable(tf.tensor(values, [...shape]), true, `${name}#pretrain`))] as const;
  });
  const weights = new Weights(new Map(parameters));
  const samplers = scenes.map((scene) => ({
    scene,
    pixels: tf.tensor2d(scene.pixels, [config.components, scene.height * scene.width]),
  }));
  const resizes = new Map(settings.patchSizes.map((size) => [size, resizeMatrix(size, config)]));
  const optimizer = new AdamW(
    parameters.map(([, variable]) => variable),
    { beta2: 0.95, maximumGradientNorm: 1 },
  );
  if (resumed !== undefined) {
    random.restore(resumed.random);
    restoreState(resumed.tensors, parameters, optimizer, resumed.steps);
  }
  try {
    for (let step = resumed?.steps ?? 0; step < steps; step++) {
      throwIfAborted(context.signal, 'Pretraining');
      const patchSize = settings.patchSizes[random.integer(settings.patchSizes.length)]!;
      const pixels = tf.tidy(() =>
        tokenPixels(sampleBatch(samplers, batchSize, patchSize, config, random), resizes.get(patchSize)!, config),
      );
      const mask = randomMask(batchSize, tokenCount(config), settings.hiddenShare, random);
      const rate = learningRate * cosineSchedule(step, steps, warmUpSteps);
      const loss = optimizer.minimise(
        () => reconstructionLoss(pixels, mask, config, decoder, weights, precision),
        () => rate,
      );
      pixels.dispose();
      if (!Number.isFinite(loss)) throw failure('TRAINING_DIVERGED', { epoch: 1, step: step + 1, learningRate });
      const isCheckpoint = settings.checkpointEvery > 0 && (step + 1) % settings.checkpointEvery === 0;
      const checkpoint = isCheckpoint
        ? { checkpoint: { steps: step + 1, random: random.state(), tensors: takeState(parameters, optimizer) } }
        : {};
      context.progress({ step: step + 1, loss, ...checkpoint } satisfies PretrainingStep);
      await context.pause();
    }
    const encoder = new Map<string, NamedTensor>();
    for (const [name, shape] of encoderShapes(config)) {
      encoder.set(name, { shape, values: weights.get(name).dataSync() as Float32Array });
    }
    return new Moved(
      encoder,
      [...encoder.values()].map(({ values }) => values.buffer),
    );
  } finally {
    optimizer.dispose();
    weights.dispose();
    tf.dispose([...resizes.values(), ...samplers.map(({ pixels }) => pixels)]);
  }
}

/** Returns fresh parameters, with those of an existing encoder in their place if there is one. */
function startingParameters(
  shapes: ParameterShapes,
  seed: number,
  start: Backbone | undefined,
): ReadonlyMap<string, NamedTensor> {
  const parameters = initialParameters(shapes, seed);
  if (start !== undefined) {
    withTensors(start, (tensors) => {
      for (const [name, shape] of tensors.shapes) parameters.set(name, { shape, values: tensors.read(name) });
    });
  }
  return parameters;
}

function drawCentre({ height, width, centres }: UnlabelledScene, random: Random): { row: number; column: number } {
  if (centres === undefined) return { row: random.integer(height), column: random.integer(width) };
  const pixel = centres[random.integer(centres.length)]!;
  return { row: Math.floor(pixel / width), column: pixel % width };
}

/**
 * Draws random patches of one size from random scenes, each in one of eight orientations. The sign of a PCA component
 * is arbitrary, so the sign of each component of a patch is flipped at random.
 *
 * @returns `[components, patches · patchSize²]`
 */
function sampleBatch(
  samplers: readonly Sampler[],
  batchSize: number,
  patchSize: number,
  { components }: BackboneConfig,
  random: Random,
): Tensor2D {
  const tf = tensorflow();
  const counts = new Array<number>(samplers.length).fill(0);
  for (let i = 0; i < batchSize; i++) counts[random.integer(samplers.length)]! += 1;
  const area = patchSize ** 2;
  const plain = new Int32Array(area);
  const parts = samplers.flatMap(({ scene, pixels }, s) => {
    const count = counts[s]!;
    if (count === 0) return [];
    const indices = new Int32Array(count * area);
    for (let i = 0; i < count; i++) {
      const centre = drawCentre(scene, random);
      writePatchIndices(plain, 0, centre, patchSize, scene);
      const offsets = orientedOffsets(patchSize, random.integer(orientationCount));
      for (let j = 0; j < area; j++) indices[i * area + j] = plain[offsets[j]!]!;
    }
    return [gatherPatches(pixels, indices)];
  });
  const signs = Float32Array.from({ length: components * batchSize }, () => (random.integer(2) === 0 ? -1 : 1));
  const patches = tf.reshape(tf.concat(parts, 1), [components, batchSize, area]);
  return tf.reshape(tf.mul(patches, tf.tensor3d(signs, [components, batchSize, 1])), [components, batchSize * area]);
}
