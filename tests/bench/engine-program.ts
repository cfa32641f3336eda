/** Benchmark program for the executor: the model alone, without services. */
import { Binding, readAdapter } from '@hyperswap/adapter';
import { adaptedWeight, adaptedParameters, findMethod, initialFactors, methodSettings } from '@hyperswap/peft';
import {
  backboneConfigs,
  encoderShapes,
  features,
  initialParameters,
  learningFeatures,
  makeResident,
  patchesOfGradient,
  residentBackbone,
  servingPrecision,
  tokenCount,
  tokenValues,
  type Backbone,
  type ParameterChanges,
} from '@hyperswap/spectralgpt';
import {
  AdamW,
  cast,
  deviceScope,
  deviceTensor,
  matMul,
  tensorflow,
  type DeviceTensor,
  type FloatPrecision,
  type NumberFormat,
  type Precision,
  type Scalar,
  type Tensor2D,
} from '@hyperswap/tensor';
import { Random } from '@hyperswap/random';
import { classifySome } from './classify-square.js';

/** A training step of a method. */
export interface StepCase extends EngineCase {
  readonly method: string;
}

/** One measurement of the engine. */
export interface EngineCase {
  readonly backbone: Backbone;
  readonly precision: NumberFormat;
  readonly batch: number;
  readonly repetitions: number;
}

export interface ProductCase {
  readonly precision: FloatPrecision;
  /** Rows. */
  readonly batch: number;
  readonly repetitions: number;
}

export interface SceneCase {
  readonly backbone: Backbone;
  readonly blob: Uint8Array;
  readonly precision: NumberFormat;
  /** `[side + 2 · halo, side + 2 · halo, components]` */
  readonly scores: Float32Array;
  readonly side: number;
  readonly halo: number;
  readonly repetitions: number;
}

const classes = 16;
/** Patches of one batch, tile-inference's default. */
const sceneBatch = 128;

function place({ backbone }: Pick<EngineCase, 'backbone'>, precision: Precision) {
  makeResident(backbone, precision);
  return residentBackbone(backbone.digest, precision);
}

/** Seconds of each repetition; the first two are warm-up and left out. */
function time(repetitions: number, run: () => void): number[] {
  return Array.from({ length: repetitions + 2 }, () => {
    const start = performance.now();
    run();
    return (performance.now() - start) / 1000;
  }).slice(2);
}

const program = {
  /**
   * Times the first product of base's perceptron for 32 patches alone, the upper limit of the machine's matrix
   * products; `batch` is the number of rows.
   */
  product({ precision, batch, repetitions }: ProductCase): number[] {
    const make = (rows: number, columns: number, seed: number): DeviceTensor => {
      const values = new Random(seed).normals(rows * columns, 1);
      return cast(deviceTensor(values, [rows, columns]), precision);
    };
    return deviceScope(() => {
      const { width, mlpRatio } = backboneConfigs.base;
      const [x, weight] = [make(batch, width, 1), make(width, mlpRatio * width, 2)];
      return time(repetitions, () => {
        deviceScope(() => void matMul(x, weight));
      });
    });
  },

  /** Times the forward pass from token pixels to pooled features. */
  forward(given: EngineCase): number[] {
    const tf = tensorflow();
    const resident = place(given, servingPrecision(given.precision));
    const { config } = resident.backbone;
    const pixels = tf.randomNormal([given.batch * tokenCount(config), tokenValues(config)]) as Tensor2D;
    return time(given.repetitions, () => {
      const result = features(pixels, resident);
      result.dataSync();
      result.dispose();
    });
  },

  /**
   * Times one step of a method and of the head: loss, gradients, AdamW. A linear probe computes its features too;
   * training caches them.
   */
  trainingStep(given: StepCase): number[] {
    const tf = tensorflow();
    const resident = place(given, given.precision);
    const { config } = resident.backbone;
    const method = findMethod(given.method);
    const adaptation = { method, settings: methodSettings(method, adaptedWeight(config), {}) };
    const start =
      method.scope === 'backbone' ? initialParameters(encoderShapes(config), 1) : initialFactors(adaptation, config, 1);
    const variables = new Map(
      [...start].map(([name, { shape, values }]) => [name, tf.variable(tf.tensor(values, [...shape]), true, name)]),
    );
    const learned = (): ParameterChanges =>
      method.scope === 'backbone'
        ? { replaced: variables, updates: new Map() }
        : adaptedParameters(adaptation, variables, config, resident.weights);
    const head = tf.variable(tf.randomNormal([classes, config.width], 0, 0.02), true, 'head');
    const optimizer = new AdamW([...variables.values(), head]);
    const atOnce = variables.size === 0 ? given.batch : patchesOfGradient(config);
    let parts = Math.ceil(given.batch / atOnce);
    while (given.batch % parts !== 0) parts++;
    const size = given.batch / parts;
    const pixels = tf.randomNormal([size * tokenCount(config), tokenValues(config)]) as Tensor2D;
    const labels = tf.oneHot(
      Array.from({ length: size }, (_, patch) => patch % classes),
      classes,
    );
    const loss = (): Scalar => {
      const pooled =
        variables.size === 0 ? features(pixels, resident) : learningFeatures(pixels, resident, { learned: learned() });
      const logits = tf.matMul(pooled, head as unknown as Tensor2D, false, true);
      return tf.neg(tf.div(tf.sum(tf.mul(labels, tf.logSoftmax(logits))), given.batch)) as Scalar;
    };
    return time(given.repetitions, () => {
      optimizer.minimise(
        Array.from({ length: parts }, () => loss),
        () => 1e-3,
      );
    });
  },

  /**
   * Times the classification of every pixel of a square of scores with its halo by an adapter, as tile-inference does
   * it, without tiles and queue.
   */
  scene(given: SceneCase): number[] {
    const tf = tensorflow();
    const { blob, scores, side, halo } = given;
    const resident = place(given, servingPrecision(given.precision));
    const binding = new Binding('bench', readAdapter('bench', blob), resident);
    const { components } = resident.backbone.config;
    const stride = side + 2 * halo;
    const pixels = tf.tidy(() => binding.fromScores(tf.tensor2d(scores, [stride * stride, components])));
    const square = { side, patchSize: 2 * halo + 1 };
    return time(given.repetitions, () => {
      for (let first = 0; first < side * side; first += sceneBatch) {
        classifySome(binding, pixels, square, first, Math.min(sceneBatch, side * side - first));
      }
    });
  },
};

export type EngineProgram = typeof program;
export default program;
