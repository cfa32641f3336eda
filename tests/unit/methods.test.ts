import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  adaptationParameterCount,
  adaptedWeight,
  adaptedWeights,
  findMethod,
  initialFactors,
  mergeAdaptation,
  methodNames,
  methodSettings,
  type Adaptation,
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
} from '@hyperswap/spectralgpt';
import { deviceScope, loadTensorFlow, Random, type Tensor, type Tensor2D } from '@hyperswap/tensor';
import { maximumDifference } from '../support/arrays.js';
import { hasCode } from '../support/errors.js';

const adaptation = (name: string, width: number, given: Record<string, unknown> = {}): Adaptation => {
  const method = findMethod(name);
  return { method, settings: methodSettings(method, { out: width, in: width }, given) };
};

test('learned values at base size are those of DESIGN’s table', () => {
  const base = backboneConfigs.base;
  const perWeight = { 'linear-probe': 0, lora: 6144 };
  for (const [name, count] of Object.entries(perWeight)) {
    assert.equal(adaptationParameterCount(adaptation(name, 768), base), count * 24, name);
  }
  for (const name of ['krona', 'krona+']) {
    const paper = adaptation(name, 768, { rows: 384, columns: 2 });
    assert.equal(adaptationParameterCount(paper, base), 1536 * 24, name);
  }
});

test('a fresh adapter changes nothing, and a trained one is the same merged as learning', () => {
  const tf = loadTensorFlow();
  const config = { ...backboneConfigs.mini, width: 24, heads: 3, depth: 2 };
  const backbone = makeBackbone('small', config, initialParameters(encoderShapes(config), 1));
  makeResident(backbone, 'float32');
  const resident = residentBackbone(backbone.digest, 'float32');
  const pixels = tf.randomNormal([2 * tokenCount(config), 192], 0, 1, 'float32', 5) as Tensor2D;
  const plain = features(pixels, resident).dataSync();
  const trials: [string, Record<string, number>][] = [
    ['lora', { rank: 2, alpha: 6 }],
    ['krona', { rows: 8, columns: 2, scale: 0.7 }],
    ['krona+', { rows: 3, columns: 12 }],
  ];
  for (const [name, given] of trials) {
    const trial = adaptation(name, config.width, given);
    const start = initialFactors(trial, config, 7);
    const upload = (values: (size: number, own: Float32Array) => Float32Array) =>
      new Map([...start].map(([key, { shape, values: own }]) => [key, tf.tensor(values(own.length, own), [...shape])]));
    const served = (factors: ReadonlyMap<string, Tensor>) => {
      const { blocks, own } = mergeAdaptation(trial, factors, resident);
      const result = features(pixels, resident, blocks).dataSync();
      for (const layer of own) releaseLayer(layer);
      return result;
    };
    assert.equal(maximumDifference(served(upload((_, own) => own)), plain), 0);
    const random = new Random(3);
    const trained = upload((size) => random.normals(size, 0.3));
    const learned = adaptedWeights(trial, trained, config, resident.weights);
    const learning = deviceScope(() => learningFeatures(pixels, resident, { learned }).dataSync());
    const merged = served(trained);
    assert.ok(maximumDifference(learning, plain) > 1e-2, `${name} changes the features`);
    assert.ok(maximumDifference(learning, merged) < 1e-4, `${name}: ${maximumDifference(learning, merged)}`);
    assert.equal(maximumDifference(features(pixels, resident).dataSync(), plain), 0, 'the shared weights stay');
  }
});

test('KronA’s update is the Kronecker product of its factors, and LoRA’s the product', () => {
  const tf = loadTensorFlow();
  const product = (name: string, factors: Record<string, Tensor2D>, settings: Record<string, number>): Float32Array =>
    findMethod(name)
      .mergeUpdate(factors, { lambda: 1, ...settings })
      .dataSync() as Float32Array;
  const krona = product(
    'krona',
    { krona_a: tf.tensor2d([1, 2, 3, 4], [2, 2]), krona_b: tf.tensor2d([5, 6, 7], [1, 3]) },
    { scale: 2 },
  );
  assert.deepEqual([...krona], [10, 12, 14, 20, 24, 28, 30, 36, 42, 40, 48, 56]);
  const lora = product(
    'lora',
    { lora_a: tf.tensor2d([1, 2], [1, 2]), lora_b: tf.tensor2d([3, 4], [2, 1]) },
    { rank: 1, alpha: 2 },
  );
  assert.deepEqual([...lora], [6, 12, 8, 16]);
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
