import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  encoderShapes,
  features,
  imageTokens,
  initialParameters,
  learningFeatures,
  makeBackbone,
  makeResident,
  residentBackbone,
  backboneConfigs,
  type ParameterChanges,
} from '@hyperswap/spectralgpt';
import {
  add,
  addBranch,
  AdamW,
  cast,
  chooseKernels,
  deviceScope,
  deviceTensor,
  gelu,
  geluGradient,
  handOver,
  keepOnDevice,
  linear,
  liveTensors,
  loadTensorFlow,
  readDevice,
  release,
  softmax,
  softmaxGradient,
  standardise,
  standardiseGradient,
  useFusedLayers,
  useRowKernels,
  usesGpu,
  type Scalar,
  type Tensor2D,
  type Variable,
} from '@hyperswap/tensor';
import { Random } from '@hyperswap/random';
import { maximumDifference } from '../support/arrays.js';

before(() => {
  loadTensorFlow();
});

const vector = (...values: number[]) => deviceTensor(Float32Array.from(values), [values.length]);
const values = (shape: number[], seed: number) =>
  new Random(seed).normals(
    shape.reduce((a, b) => a * b),
    1,
  );

test('a scope frees what was made in it, but for what it returns, keeps or hands over', () => {
  const start = liveTensors();
  const kept: ReturnType<typeof vector>[] = [];
  const sum = deviceScope(() => {
    const inner = deviceScope(() => {
      kept.push(...keepOnDevice(vector(5)));
      return { result: add(vector(1, 2), vector(3, 4)) };
    });
    return handOver(inner.result);
  });
  assert.deepEqual([...sum.dataSync()], [4, 6]);
  assert.equal(liveTensors(), start + 2);
  release(...kept);
  sum.dispose();
  assert.equal(liveTensors(), start);
});

test('a scope that fails frees what was made in it', () => {
  const start = liveTensors();
  assert.throws(() =>
    deviceScope(() => {
      vector(1);
      throw new Error('stop');
    }),
  );
  assert.equal(liveTensors(), start);
  assert.throws(() => vector(1), /outside a scope/);
});

for (const type of ['float32', 'bfloat16'] as const) {
  test(`our kernels of rows and elements give what TensorFlow's own ops give, in ${type}`, (context) => {
    if (usesGpu()) {
      context.skip('our kernels are for processors');
      return;
    }
    // 5 × 4,099 elements: more than a piece of the kernels, and no multiple of a vector.
    const shape = [5, 4099];
    const rows = [33, 77];
    const run = (compiled: boolean): Float32Array[] => {
      useRowKernels(compiled);
      return deviceScope(() => {
        const make = (seed: number, of: number[]) =>
          deviceTensor(
            values(of, seed).map((value) => 3 * value),
            of,
          );
        const elements = [1, 2].map((seed) => cast(make(seed, shape), type));
        const [x, residual] = [make(3, rows), make(4, rows)];
        const [weights, gradient] = [5, 6].map((seed) => cast(make(seed, rows), type));
        const results = [
          gelu(elements[0]!),
          geluGradient(elements[0]!, elements[1]!),
          standardise(x, 1e-6, type),
          standardiseGradient(x, 1e-6, gradient!, residual),
          softmaxGradient(weights!, gradient!),
          softmax(weights!),
          addBranch(x, gradient!),
        ];
        return results.map((result) => Float32Array.from(readDevice(cast(result, 'float32'))));
      });
    };
    try {
      const [ours, theirs] = [run(true), run(false)];
      // Relative to the largest value. Composed, a bfloat16 gradient is rounded at every step and ours once.
      const tolerance = type === 'float32' ? 1e-6 : 0.01;
      ours.forEach((result, index) => {
        const largest = theirs[index]!.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const difference = maximumDifference(result, theirs[index]!) / largest;
        assert.ok(difference <= tolerance, `result ${index} differs by ${difference}`);
      });
    } finally {
      useRowKernels(true);
    }
  });
}

test('a layer gives the same by public ops as by the fused kernel, with GELU and residual too', (context) => {
  if (chooseKernels().speeds.fused.float32 === 0) {
    context.skip('this machine has no fused kernels');
    return;
  }
  const run = (fused: boolean): Float32Array[] => {
    useFusedLayers(fused);
    return deviceScope(() => {
      const [x, residual] = [1, 2].map((seed) => deviceTensor(values([6, 16], seed), [6, 16]));
      const layer = { weight: deviceTensor(values([16, 16], 3), [16, 16]), bias: deviceTensor(values([16], 4), [16]) };
      const results = [linear(x!, layer), linear(x!, layer, 'gelu'), linear(x!, layer, 'none', residual)];
      return results.map((result) => readDevice(result) as Float32Array);
    });
  };
  try {
    const [plain, fused] = [run(false), run(true)];
    plain.forEach((result, i) => {
      assert.ok(maximumDifference(result, fused[i]!) < 1e-5);
    });
  } finally {
    useFusedLayers(chooseKernels().fused);
  }
});

test('bfloat16 rounds to nearest even', () => {
  const [rounded] = deviceScope(() => [readDevice(cast(cast(vector(1.00390625, 1.01171875), 'bfloat16'), 'float32'))]);
  assert.deepEqual([...rounded], [1, 1.015625]);
});

const config = { ...backboneConfigs.mini, width: 8, heads: 2, depth: 1 };

test('live tensors stay flat over ten thousand batches, in both precisions', () => {
  const backbone = makeBackbone('small', config, initialParameters(encoderShapes(config), 1));
  const images = values([config.components, config.imageSize, config.imageSize], 1);
  for (const precision of ['float32', 'bfloat16'] as const) {
    makeResident(backbone, precision);
    const resident = residentBackbone(backbone.digest, precision);
    const pixels = imageTokens(images, config);
    features(pixels, resident).dispose();
    const start = liveTensors();
    for (let batch = 0; batch < 5_000; batch++) features(pixels, resident).dispose();
    assert.equal(liveTensors(), start);
    pixels.dispose();
  }
});

test('a step in parts whose losses add up is the step of the whole, and leaves no tensors', () => {
  const tf = loadTensorFlow();
  const target = tf.tensor2d([3, 1, 4, 1, 5, 9, 2, 6], [4, 2]);
  const step = (cuts: readonly (readonly [number, number])[]): { loss: number; after: Float32Array } => {
    const variable = tf.variable(tf.ones([1, 2]));
    const optimizer = new AdamW([variable], { maximumGradientNorm: 1 });
    const before = liveTensors();
    const parts = cuts.map(([first, count]) => () => {
      return tf.sum(tf.square(tf.sub(tf.slice(target, [first, 0], [count, 2]), variable))) as Scalar;
    });
    const loss = optimizer.minimise(parts, () => 0.1);
    assert.equal(liveTensors(), before);
    optimizer.dispose();
    return { loss, after: variable.dataSync() as Float32Array };
  };
  const whole = step([[0, 4]]);
  const inParts = step([[0, 1], [1, 2], [3, 1]]); // prettier-ignore
  assert.ok(Math.abs(whole.loss - inParts.loss) < 1e-4);
  assert.ok(maximumDifference(whole.after, inParts.after) < 1e-6);
  assert.ok(maximumDifference(whole.after, Float32Array.of(1, 1)) > 0.05);
});

test('live tensors stay flat over training steps', () => {
  const tf = loadTensorFlow();
  const backbone = makeBackbone('small', config, initialParameters(encoderShapes(config), 1));
  makeResident(backbone, 'float32');
  const resident = residentBackbone(backbone.digest, 'float32');
  const variable = tf.variable(tf.zeros([8, 8]));
  const [left, right] = [tf.variable(tf.zeros([8, 1])), tf.variable(tf.ones([1, 8]))] as [Variable, Variable];
  const optimizer = new AdamW([variable, left, right]);
  const learned = (): ParameterChanges => ({
    replaced: new Map([['blocks.0.attn.q.weight', variable]]),
    updates: new Map([['blocks.0.attn.v', { left: left as unknown as Tensor2D, right: right as unknown as Tensor2D }]]),
  });
  const pixels = imageTokens(values([config.components, config.imageSize, config.imageSize], 1), config);
  const step = (): number =>
    optimizer.minimise(
      () => {
        const pooled = learningFeatures(pixels, resident, { learned: learned() });
        return tf.mean(tf.square(pooled)) as Scalar;
      },
      () => 1e-3,
    );
  step();
  const start = liveTensors();
  for (let i = 0; i < 50; i++) step();
  assert.equal(liveTensors(), start);
});
