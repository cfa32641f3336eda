import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { adaptedWeights, findMethod, type Adaptation } from '@hyperswap/peft';
import type { NamedTensor } from '@hyperswap/safetensors';
import {
  backboneConfigs,
  embed,
  encode,
  features,
  learningFeatures,
  makeBackbone,
  makeResident,
  pool,
  residentBackbone,
  tokenCount,
  type BackboneConfig,
  type ResidentBackbone,
} from '@hyperswap/spectralgpt';
import {
  deviceScope,
  loadTensorFlow,
  type Scalar,
  type Tensor,
  type Tensor2D,
  type TensorFlow,
} from '@hyperswap/tensor';
import { maximumDifference } from '../support/arrays.js';
import { fixture } from '../support/fixtures.js';

interface Stored {
  readonly shape: number[];
  readonly values: number[];
}

interface ModelFixture {
  readonly config: { readonly width: number; readonly depth: number; readonly heads: number };
  readonly parameters: Record<string, Stored>;
  readonly input: Stored;
  readonly head: { readonly weight: Stored; readonly bias: Stored };
  readonly labels: number[];
  readonly states: Stored[];
  readonly pooled: Stored;
  readonly logits: Stored;
  readonly methods: Record<
    string,
    {
      readonly settings: Record<string, number>;
      readonly factors: Record<string, Stored>;
      readonly gradients: Record<string, Stored>;
      readonly logits: Stored;
      readonly loss: number;
    }
  >;
}

const reference = JSON.parse(readFileSync(fixture('model.json'), 'utf8')) as ModelFixture;
const config: BackboneConfig = { ...backboneConfigs.base, ...reference.config };
let tf: TensorFlow;
let resident: ResidentBackbone;
let pixels: Tensor2D;
let head: { weight: Tensor2D; bias: Tensor };

const tensor = ({ shape, values }: Stored): Tensor => tf.tensor(values, shape);

before(() => {
  tf = loadTensorFlow();
  const named = Object.entries(reference.parameters).map(
    ([name, { shape, values }]) => [name, { shape, values: Float32Array.from(values) } satisfies NamedTensor] as const,
  );
  const backbone = makeBackbone('reference', config, new Map(named));
  makeResident(backbone, 'float32');
  resident = residentBackbone(backbone.digest, 'float32');
  // [N, 12, 32, 32] cut into tokens (component group, row, column) of (component, y, x).
  const split = tf.reshape(tensor(reference.input), [-1, 4, 3, 4, 8, 32]);
  const columns = tf.reshape(split, [reference.input.shape[0]! * 4, 3, 4, 8, 4, 8]);
  pixels = tf.reshape(tf.transpose(columns, [0, 2, 4, 1, 3, 5]), [-1, 192]);
  head = { weight: tensor(reference.head.weight) as Tensor2D, bias: tensor(reference.head.bias) };
});

const logitsOf = (pooled: Tensor2D): Tensor2D => tf.add(tf.matMul(pooled, head.weight, false, true), head.bias);

const statesAfter = (depth: number): Tensor2D =>
  encode(
    embed(pixels, config, resident.weights),
    tokenCount(config),
    config,
    resident.blocks.slice(0, depth),
    'float32',
  );

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
  const all = pool(statesAfter(config.depth), tokenCount(config), { ...config, pooling: 'all' }, resident.weights);
  assert.ok(maximumDifference(all.dataSync(), reference.pooled.values) > 1e-3);
});

/** Cross-entropy with a tenth of the probability spread over all classes. */
const smoothedLoss = (logits: Tensor2D): Scalar => {
  const classes = reference.head.bias.values.length;
  const target = tf.oneHot(tf.tensor1d(reference.labels, 'int32'), classes);
  const smoothed = tf.add(tf.mul(target, 0.9), 0.1 / classes);
  return tf.neg(tf.mean(tf.sum(tf.mul(smoothed, tf.logSoftmax(logits)), 1)));
};

for (const name of ['lora', 'krona']) {
  test(`${name}: logits, loss and the gradient of every factor equal PyTorch’s`, () => {
    const { settings, factors, gradients, logits, loss } = reference.methods[name]!;
    const adaptation: Adaptation = { method: findMethod(name), settings: { lambda: 1, ...settings } };
    const names = Object.keys(factors);
    const variables = names.map((key) => tf.variable(tensor(factors[key]!)));
    const learned = new Map(names.map((key, i) => [key, variables[i]!] as const));
    const forward = (): Tensor2D => {
      const adapted = adaptedWeights(adaptation, learned, config, resident.weights);
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
