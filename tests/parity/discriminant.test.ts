import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { liveTensors, loadTensorFlow, type Tensor2D } from '@hyperswap/tensor';
import { fitDiscriminant } from '@hyperswap/trainer';
import { maximumDifference } from '../support/arrays.js';
import { hasCode } from '../support/errors.js';
import { fixture, type StoredValues } from '../support/fixtures.js';

interface DiscriminantFixture {
  readonly features: StoredValues;
  readonly labels: readonly number[];
  readonly log_posterior: StoredValues;
}

const tf = loadTensorFlow();
const reference = JSON.parse(readFileSync(fixture('discriminant.json'), 'utf8')) as DiscriminantFixture;
const labels = Uint8Array.from(reference.labels);
const running = { signal: new AbortController().signal, pause: () => Promise.resolve() };
const featuresOf = (): Tensor2D => tf.tensor(reference.features.values, reference.features.shape as [number, number]);

test('the discriminant analysis has scikit-learn’s posteriors', async () => {
  const before = liveTensors();
  const features = featuresOf();
  const classes = 3;
  const { weight, bias } = await fitDiscriminant(features, labels, classes, running);
  const posterior = tf.tidy(() =>
    tf.logSoftmax(
      tf.add(tf.matMul(features, tf.tensor2d(weight, [classes, weight.length / classes]), false, true), bias),
    ),
  );
  const difference = maximumDifference(posterior.dataSync(), reference.log_posterior.values);
  assert.ok(difference < 2e-3, `log posteriors differ by ${difference}`);
  tf.dispose([features, posterior]);
  assert.equal(liveTensors(), before);
});

test('a class without pixels never wins, and a cancelled fit ends', async () => {
  const features = featuresOf();
  const width = features.shape[1];
  const { weight, bias } = await fitDiscriminant(features, labels, 4, running);
  assert.ok(weight.subarray(3 * width).every((value) => value === 0));
  assert.ok(bias[3]! < -1000);
  const cancelled = { ...running, signal: AbortSignal.abort() };
  await assert.rejects(fitDiscriminant(features, labels, 3, cancelled), hasCode('CANCELLED'));
  features.dispose();
});
