import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { evaluate } from '@hyperswap/map';
import { backboneConfigs, resizeMatrix, tokenPixels } from '@hyperswap/spectralgpt';
import { AdamW, loadTensorFlow, type Scalar, type Tensor2D } from '@hyperswap/tensor';
import { maximumDifference } from '../support/arrays.js';
import { fixture, type StoredValues } from '../support/fixtures.js';

const read = (name: string): unknown => JSON.parse(readFileSync(fixture(name), 'utf8'));

test('patches resize as torch.nn.functional.interpolate does, and land in the right tokens', () => {
  const tf = loadTensorFlow();
  // One group of 3 components; the fixture's 2 and one of zeros.
  const config = { ...backboneConfigs.base, components: 3 };
  for (const { patch, resized } of read('resize.json') as { patch: StoredValues; resized: StoredValues }[]) {
    const size = patch.shape[2]!;
    const padded = tf.concat([tf.tensor(patch.values, [2, size * size]), tf.zeros([1, size * size])], 0) as Tensor2D;
    const tokens = tokenPixels(padded, resizeMatrix(size, config), config).dataSync();
    const image = new Float32Array(2 * 32 * 32);
    for (let token = 0; token < 16; token++)
      for (let c = 0; c < 2; c++)
        for (let y = 0; y < 8; y++)
          for (let x = 0; x < 8; x++) {
            const row = Math.floor(token / 4) * 8 + y;
            const column = (token % 4) * 8 + x;
            image[c * 1024 + row * 32 + column] = tokens[token * 192 + c * 64 + y * 8 + x]!;
          }
    assert.ok(maximumDifference(image, resized.values) < 1e-5, `patch size ${size}`);
  }
});

test('AdamW takes the steps that torch.optim.AdamW takes', () => {
  const tf = loadTensorFlow();
  const reference = read('adamw.json') as Record<
    'matrix' | 'vector' | 'target' | 'matrixAfter' | 'vectorAfter',
    StoredValues
  > & {
    learningRate: number;
    steps: number;
  };
  const matrix = tf.variable(tf.tensor(reference.matrix.values, reference.matrix.shape));
  const vector = tf.variable(tf.tensor(reference.vector.values, reference.vector.shape));
  const target = tf.tensor(reference.target.values, reference.target.shape);
  const optimizer = new AdamW([matrix, vector], { weightDecay: 0.05 });
  for (let step = 0; step < reference.steps; step++) {
    optimizer.minimise(
      () => tf.add(tf.sum(tf.square(tf.sub(matrix, target))), tf.sum(tf.pow(vector, 4))) as Scalar,
      () => reference.learningRate,
    );
  }
  assert.ok(maximumDifference(matrix.dataSync(), reference.matrixAfter.values) < 1e-5);
  assert.ok(maximumDifference(vector.dataSync(), reference.vectorAfter.values) < 1e-5);
});

test('metrics equal scikit-learn’s', () => {
  const reference = read('metrics.json') as {
    truth: number[];
    predicted: number[];
    oa: number;
    aa: number;
    kappa: number;
    f1: number[];
    confusion: number[];
  };
  const names = ['a', 'b', 'c', 'd', 'e'];
  const metrics = evaluate(Uint8Array.from(reference.truth), Uint8Array.from(reference.predicted), names);
  assert.ok(Math.abs(metrics.overallAccuracy - reference.oa) < 1e-9);
  assert.ok(Math.abs(metrics.averageAccuracy - reference.aa) < 1e-9);
  assert.ok(Math.abs(metrics.kappa - reference.kappa) < 1e-9);
  assert.ok(
    maximumDifference(
      metrics.perClass.map(({ f1 }) => f1),
      reference.f1,
    ) < 1e-9,
  );
  assert.deepEqual([...metrics.confusion], reference.confusion);
});
