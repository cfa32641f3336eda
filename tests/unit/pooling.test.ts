import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Binding } from '@hyperswap/adapter';
import { orientedOffsets } from '@hyperswap/scene';
import {
  backboneConfigs,
  makeResident,
  pool,
  pooledWidth,
  randomTokens,
  residentBackbone,
  Weights,
} from '@hyperswap/spectralgpt';
import { loadTensorFlow, type Tensor2D } from '@hyperswap/tensor';
import { Random } from '@hyperswap/random';
import { maximumDifference } from '../support/arrays.js';
import { parityAdapter, parityModel } from '../support/parity-model.js';

const { config, backbone } = parityModel();

before(() => {
  loadTensorFlow();
  makeResident(backbone, 'float32');
});

test('shown tokens are as many of each group and of the middle in every patch, the middle first, none twice', () => {
  const { visible, visibleRows, middle } = randomTokens(3, backboneConfigs.base, 0.5, new Random(1));
  assert.deepEqual([visible, middle, visibleRows.length], [32, 2, 96]);
  for (let patch = 0; patch < 3; patch++) {
    const rows = [...visibleRows.subarray(patch * 32, (patch + 1) * 32)].map((row) => row - patch * 64);
    assert.equal(new Set(rows).size, 32);
    for (let group = 0; group < 4; group++) {
      const own = rows.slice(8 * group, 8 * group + 8);
      assert.ok(own.every((row) => row >= 16 * group && row < 16 * group + 16));
      assert.deepEqual(
        own.map((row) => [5, 6, 9, 10].includes(row % 16)),
        [true, true, false, false, false, false, false, false],
      );
    }
  }
});

test('groups are averaged one by one, and once more around the middle', () => {
  const tf = loadTensorFlow();
  const size = { ...config, width: 2 };
  // The identity norm of two values makes [a, b] to ±1: it keeps which one is larger.
  const weights = Weights.upload(
    new Map([
      ['norm.weight', { shape: [2], values: Float32Array.of(1, 1) }],
      ['norm.bias', { shape: [2], values: Float32Array.of(0, 0) }],
    ]),
  );
  const values = new Float32Array(64 * 2);
  for (let token = 0; token < 64; token++) {
    const isMiddle = [5, 6, 9, 10].includes(token % 16);
    // Group 2 leans to the first value, but around its middle to the second.
    if (Math.floor(token / 16) === 2) values[2 * token + (isMiddle ? 1 : 0)] = 1;
    else values[2 * token + 1] = 1;
  }
  const x = tf.tensor2d(values, [64, 2]);
  assert.equal(pooledWidth(size, 'groups-and-middle'), 16);
  const pooled = pool(x, size, weights, 'groups-and-middle').dataSync();
  assert.deepEqual(
    [...pooled].map(Math.round),
    [
      [-1, 1],
      [-1, 1],
      [1, -1],
      [-1, 1],
      [-1, 1],
      [-1, 1],
      [-1, 1],
      [-1, 1],
    ].flat(),
  );
});

test('with eight views a patch has the same logits however it is laid', () => {
  const tf = loadTensorFlow();
  const adapter = parityAdapter('lora', {}, 2);
  const { patchSize } = adapter.metadata;
  const patches = tf.randomNormal([12, 3 * patchSize ** 2], 0, 1, 'float32', 3) as Tensor2D;
  const turned = tf.tidy(() => {
    const grid = tf.reshape(patches, [12, 3, patchSize ** 2]);
    const offsets = tf.tensor1d(orientedOffsets(patchSize, 3), 'int32');
    return tf.reshape(tf.gather(grid, offsets, 2), [12, -1]) as Tensor2D;
  });
  const difference = (views: 1 | 8): number => {
    const viewed = { ...adapter, metadata: { ...adapter.metadata, views } };
    const binding = new Binding('test', viewed, residentBackbone(backbone.digest, 'float32'));
    const result = maximumDifference(binding.logits(patches).dataSync(), binding.logits(turned).dataSync());
    binding.dispose();
    return result;
  };
  assert.ok(difference(1) > 1e-2, String(difference(1)));
  assert.ok(difference(8) < 1e-4, String(difference(8)));
});
