import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  adaptationParameterCount,
  adaptedWeight,
  findMethod,
  initialFactors,
  mergeAdaptation,
  methodNames,
  methodSettings,
  projectionUpdate,
  type Adaptation,
} from '@hyperswap/peft';
import {
  backboneConfigs,
  encoderShapes,
  features,
  initialParameters,
  tokenCount,
  Weights,
} from '@hyperswap/spectralgpt';
import { loadTensorFlow, Random, type Tensor2D } from '@hyperswap/tensor';
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

test('a fresh adapter changes nothing, and a trained one is the same merged as applied', () => {
  const tf = loadTensorFlow();
  const config = { ...backboneConfigs.mini, width: 24, heads: 3, depth: 2 };
  const weights = Weights.upload(initialParameters(encoderShapes(config), 1));
  const pixels = tf.randomNormal([2 * tokenCount(config), 192], 0, 1, 'float32', 5) as Tensor2D;
  const plain = features(pixels, config, weights).dataSync();
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
    const fresh = upload((_, own) => own);
    assert.equal(
      maximumDifference(
        features(pixels, config, weights, { update: projectionUpdate(trial, fresh) }).dataSync(),
        plain,
      ),
      0,
    );
    const random = new Random(3);
    const trained = upload((size) => random.normals(size, 0.3));
    const applied = features(pixels, config, weights, { update: projectionUpdate(trial, trained) }).dataSync();
    const merged = features(pixels, config, mergeAdaptation(trial, trained, config, weights)).dataSync();
    assert.ok(maximumDifference(applied, plain) > 1e-2, `${name} changes the features`);
    assert.ok(maximumDifference(applied, merged) < 1e-4, `${name}: ${maximumDifference(applied, merged)}`);
    assert.equal(maximumDifference(features(pixels, config, weights).dataSync(), plain), 0, 'the shared weights stay');
  }
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
