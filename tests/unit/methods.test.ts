import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  adaptationParameterCount,
  adaptedWeight,
  adaptedParameters,
  findMethod,
  initialFactors,
  mergeAdaptation,
  methodNames,
  methodSettings,
  type Adaptation,
  type Projection,
} from '@hyperswap/peft';
import {
  backboneConfigs,
  encoderShapes,
  features,
  initialParameters,
  learningFeatures,
  makeBackbone,
  makeResident,
  releaseLayer,
  residentBackbone,
  tokenCount,
  type ResidentBackbone,
} from '@hyperswap/spectralgpt';
import { deviceScope, loadTensorFlow, type Tensor, type Tensor1D, type Tensor2D } from '@hyperswap/tensor';
import { Random } from '@hyperswap/random';
import { maximumDifference } from '../support/arrays.js';
import { hasCode } from '../support/errors.js';

const adaptation = (name: string, width: number, given: Record<string, unknown> = {}): Adaptation => {
  const method = findMethod(name);
  return { method, settings: methodSettings(method, { out: width, in: width }, given) };
};

test('learned values at base size are those of DESIGN’s table, head of 16 classes included', () => {
  const config = { ...backboneConfigs.base, positions: 'joint' as const };
  const totals = {
    'linear-probe': 12_304,
    bitfit: 30_736,
    lora: 159_760,
    'lora+': 159_760,
    lokr: 50_704,
    krona: 49_168,
    'krona+': 49_168,
    full: 85_265_680,
  };
  const head = 16 * (config.width + 1);
  for (const [name, total] of Object.entries(totals))
    assert.equal(adaptationParameterCount(adaptation(name, 768), config) + head, total, name);
});

test('a fresh adapter changes nothing, and a trained one is the same merged as learning', () => {
  const tf = loadTensorFlow();
  const config = { ...backboneConfigs.mini, width: 24, heads: 3, depth: 2 };
  const backbone = makeBackbone('small', config, initialParameters(encoderShapes(config), 1));
  makeResident(backbone, 'float32');
  makeResident(backbone, 'int8');
  const [resident, quantised] = (['float32', 'int8'] as const).map((precision) =>
    residentBackbone(backbone.digest, precision),
  ) as [ResidentBackbone, ResidentBackbone];
  const pixels = tf.randomNormal([2 * tokenCount(config), 192], 0, 1, 'float32', 5) as Tensor2D;
  const plain = features(pixels, resident).dataSync();
  const trials: [string, Record<string, number>][] = [
    ['lora', { rank: 2, alpha: 6 }],
    ['krona', { rows: 8, columns: 2, scale: 0.7 }],
    ['krona+', { rows: 3, columns: 12 }],
    ['lora+', {}],
    ['bitfit', {}],
    ['lokr', { factor: 4, rank: 3, alpha: 6 }],
    ['loha', { rank: 3, alpha: 2 }],
    ['dora', { rank: 2, alpha: 6 }],
  ];
  for (const [name, given] of trials) {
    const trial = adaptation(name, config.width, given);
    const start = initialFactors(trial, config, 7);
    const upload = (values: (size: number, own: Float32Array) => Float32Array) =>
      new Map([...start].map(([key, { shape, values: own }]) => [key, tf.tensor(values(own.length, own), [...shape])]));
    const served = (factors: ReadonlyMap<string, Tensor>, on = resident) => {
      const { blocks, own } = mergeAdaptation(trial, factors, on);
      const result = features(pixels, on, { blocks }).dataSync();
      for (const layer of own) releaseLayer(layer);
      return result;
    };
    assert.ok(maximumDifference(served(upload((_, own) => own)), plain) < 1e-6, name);
    const random = new Random(3);
    const trained = upload((size) => random.normals(size, 0.3));
    const learned = adaptedParameters(trial, trained, config, resident.weights);
    const learning = deviceScope(() => learningFeatures(pixels, resident, { learned }).dataSync());
    const merged = served(trained);
    assert.ok(maximumDifference(learning, plain) > 1e-2, `${name} changes the features`);
    assert.ok(maximumDifference(learning, merged) < 1e-4, `${name}: ${maximumDifference(learning, merged)}`);
    const inInt8 = maximumDifference(served(trained, quantised), merged);
    const changed = maximumDifference(merged, plain);
    assert.ok(inInt8 < 0.2 * changed, `${name} in int8: ${inInt8} of a change of ${changed}`);
    assert.equal(maximumDifference(features(pixels, resident).dataSync(), plain), 0, 'the shared weights stay');
  }
});

test('updates are the products that their papers define', () => {
  const tf = loadTensorFlow();
  const frozen = { weight: tf.tensor2d([3, 4, 0, 2], [2, 2]), bias: tf.tensor1d([1, 2]) };
  const zero = (rows: number, columns: number) => ({
    weight: tf.zeros([rows, columns]) as Tensor2D,
    bias: tf.zeros([rows]) as Tensor1D,
  });
  const adapted = (name: string, projection: Projection, factors: Record<string, Tensor>, settings: object) => {
    const { weight, bias, update } = findMethod(name).adapt(projection, factors, { lambda: 1, ...settings });
    const updated = update && tf.add(projection.weight, tf.matMul(update.left, update.right));
    return [...(weight ?? bias ?? updated)!.dataSync()];
  };
  const krona = { krona_a: tf.tensor2d([1, 2, 3, 4], [2, 2]), krona_b: tf.tensor2d([5, 6, 7], [1, 3]) };
  assert.deepEqual(adapted('krona', zero(2, 6), krona, { scale: 2 }), [10, 12, 14, 20, 24, 28, 30, 36, 42, 40, 48, 56]);
  const lora = { lora_a: tf.tensor2d([1, 2], [1, 2]), lora_b: tf.tensor2d([3, 4], [2, 1]) };
  assert.deepEqual(adapted('lora', zero(2, 2), lora, { rank: 1, alpha: 2 }), [6, 12, 8, 16]);
  const lokr = {
    lokr_c: tf.tensor2d([1, 2, 3, 4], [2, 2]),
    lokr_a: tf.tensor2d([1, 2], [1, 2]),
    lokr_b: tf.tensor2d([3], [1, 1]),
  };
  assert.deepEqual(adapted('lokr', zero(2, 4), lokr, { rank: 1, alpha: 1 }), [3, 6, 6, 12, 9, 18, 12, 24]);
  const loha = {
    loha_a1: tf.tensor2d([1, 2], [1, 2]),
    loha_b1: tf.tensor2d([1, 3], [2, 1]),
    loha_a2: tf.tensor2d([5, 1], [1, 2]),
    loha_b2: tf.tensor2d([2, 1], [2, 1]),
  };
  assert.deepEqual(adapted('loha', zero(2, 2), loha, { rank: 1, alpha: 1 }), [10, 4, 15, 6]);
  assert.deepEqual(adapted('bitfit', frozen, { bias_update: tf.tensor1d([0.5, -1]) }, {}), [1.5, 1]);
  // Rows of length 5 and 2 keep their length times 1 + δ, in the direction of [3, 4] + [0, 0] and [0, 2] + [2, 0].
  const dora = {
    lora_a: tf.tensor2d([1, 0], [1, 2]),
    lora_b: tf.tensor2d([0, 2], [2, 1]),
    dora_magnitude: tf.tensor1d([1, 0]),
  };
  const rows = adapted('dora', frozen, dora, { rank: 1, alpha: 1 });
  assert.ok(maximumDifference(rows, [6, 8, Math.SQRT2, Math.SQRT2]) < 1e-5, rows.join());
});

test('every method has valid defaults at every size', () => {
  for (const config of Object.values(backboneConfigs)) {
    for (const name of methodNames) adaptation(name, adaptedWeight(config).out);
  }
});

test('settings that do not fit are refused by name', () => {
  assert.throws(() => adaptation('krona', 192, { rows: 5 }), hasCode('METHOD_SETTINGS', /5 × \d+ does not divide/));
  assert.throws(() => adaptation('lora', 192, { rank: 500 }), hasCode('METHOD_SETTINGS', /rank 500/));
  assert.throws(() => adaptation('lora', 192, { rang: 4 }), hasCode('METHOD_SETTINGS', /rang/));
  assert.throws(() => findMethod('prefix'), hasCode('METHOD_UNKNOWN', /krona\+/));
});
