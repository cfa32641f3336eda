import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { adaptedParameters, findMethod, type Adaptation } from '@hyperswap/peft';
import {
  embed,
  encode,
  features,
  imageTokens,
  learningFeatures,
  makeResident,
  pool,
  residentBackbone,
  tokenCount,
  type ResidentBackbone,
} from '@hyperswap/spectralgpt';
import {
  deviceScope,
  finish,
  loadTensorFlow,
  type Scalar,
  type Tensor,
  type Tensor2D,
  type TensorFlow,
} from '@hyperswap/tensor';
import { maximumDifference } from '../support/arrays.js';
import type { StoredValues } from '../support/fixtures.js';
import { parityModel } from '../support/parity-model.js';

const { reference, config, backbone } = parityModel();
let tf: TensorFlow;
let resident: ResidentBackbone;
let pixels: Tensor2D;
let head: { weight: Tensor2D; bias: Tensor };

const tensor = ({ shape, values }: StoredValues): Tensor => tf.tensor(values, shape);

before(() => {
  tf = loadTensorFlow();
  makeResident(backbone, 'float32');
  resident = residentBackbone(backbone.digest, 'float32');
  pixels = imageTokens(Float32Array.from(reference.input.values), config);
  head = { weight: tensor(reference.head.weight) as Tensor2D, bias: tensor(reference.head.bias) };
});

const logitsOf = (pooled: Tensor2D): Tensor2D => tf.add(tf.matMul(pooled, head.weight, false, true), head.bias);

const statesAfter = (depth: number): Tensor2D =>
  finish(encode(embed(pixels, config, resident.weights), tokenCount(config), config, resident.blocks.slice(0, depth)));

test('tokens and every block equal PyTorch’s', () => {
  const tokens = embed(pixels, config, resident.weights);
  assert.ok(maximumDifference(tokens.dataSync(), reference.states[0]!.values) < 1e-5);
  for (let depth = 1; depth <= config.depth; depth++) {
    assert.ok(maximumDifference(statesAfter(depth).dataSync(), reference.states[depth]!.values) < 1e-4);
  }
});

test('pooled features and logits equal PyTorch’s, token 0 left out as in the release', () => {
  const pooled = features(pixels, resident);
  assert.ok(maximumDifference(pooled.dataSync(), reference.pooled.values) < 1e-4);
  assert.ok(maximumDifference(logitsOf(pooled).dataSync(), reference.logits.values) < 1e-3);
  const all = pool(statesAfter(config.depth), { ...config, pooling: 'all' }, resident.weights);
  assert.ok(maximumDifference(all.dataSync(), reference.pooled.values) > 1e-3);
});

/** Cross-entropy with a tenth of the probability spread over all classes. */
const smoothedLoss = (logits: Tensor2D): Scalar => {
  const classes = reference.head.bias.values.length;
  const target = tf.oneHot(tf.tensor1d(reference.labels, 'int32'), classes);
  const smoothed = tf.add(tf.mul(target, 0.9), 0.1 / classes);
  return tf.neg(tf.mean(tf.sum(tf.mul(smoothed, tf.logSoftmax(logits)), 1)));
};

for (const name of ['bitfit', 'lora', 'lokr', 'krona', 'loha', 'dora']) {
  test(`${name}: logits, loss and the gradient of every factor equal PyTorch’s`, () => {
    const { settings, factors, gradients, logits, loss } = reference.methods[name]!;
    const adaptation: Adaptation = { method: findMethod(name), settings: { lambda: 1, ...settings } };
    const names = Object.keys(factors);
    const variables = names.map((key) => tf.variable(tensor(factors[key]!)));
    const learned = new Map(names.map((key, i) => [key, variables[i]!] as const));
    const forward = (): Tensor2D => {
      const adapted = adaptedParameters(adaptation, learned, config, resident.weights);
      return logitsOf(learningFeatures(pixels, resident, { learned: adapted }));
    };
    assert.ok(maximumDifference(deviceScope(forward).dataSync(), logits.values) < 1e-3);
    const { value, grads } = deviceScope(() => tf.variableGrads(() => smoothedLoss(forward()), variables));
    assert.ok(Math.abs(value.dataSync()[0]! - loss) < 1e-4);
    names.forEach((key, i) => {
      const wanted = gradients[key]!.values;
      const largest = Math.max(...wanted.map(Math.abs));
      const difference = maximumDifference(grads[variables[i]!.name]!.dataSync(), wanted);
      assert.ok(difference < 1e-3 * largest + 1e-7, `${key}: ${difference} of ${largest}`);
    });
  });
}

test('with all parameters learning, loss and every gradient equal PyTorch’s', () => {
  const { loss, gradients } = reference.full;
  const names = Object.keys(reference.parameters);
  const variables = names.map((name) => tf.variable(tensor(reference.parameters[name]!)));
  const learned = new Map(names.map((name, i) => [name, variables[i]!] as const));
  const classes = reference.head.bias.values.length;
  const { value, grads } = deviceScope(() =>
    tf.variableGrads(() => {
      const logits = logitsOf(
        learningFeatures(pixels, resident, { learned: { replaced: learned, updates: new Map() } }),
      );
      const target = tf.oneHot(tf.tensor1d(reference.labels, 'int32'), classes);
      return tf.neg(tf.mean(tf.sum(tf.mul(target, tf.logSoftmax(logits)), 1)));
    }, variables),
  );
  assert.ok(Math.abs(value.dataSync()[0]! - loss) < 1e-4);
  names.forEach((name, i) => {
    const wanted = gradients[name]!.values;
    const largest = Math.max(...wanted.map(Math.abs));
    const difference = maximumDifference(grads[variables[i]!.name]!.dataSync(), wanted);
    assert.ok(difference < 1e-3 * largest + 1e-6, `${name}: ${difference} of ${largest}`);
  });
});
