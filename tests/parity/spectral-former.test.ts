import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { deviceScope, loadTensorFlow, type Scalar, type Tensor3D } from '@hyperswap/tensor';
import { spectralFormerLogits, spectralFormerShapes } from '@hyperswap/rivals';
import { maximumDifference } from '../support/arrays.js';
import { fixture, type StoredValues } from '../support/fixtures.js';
import { checkGradients, wave, waveVariables, type StoredGradients } from '../support/parity-gradients.js';

interface SpectralFormerFixture {
  readonly bands: number;
  readonly area: number;
  readonly classes: number;
  readonly labels: number[];
  readonly logits: StoredValues;
  readonly loss: number;
  readonly gradients: StoredGradients;
}

test('SpectralFormer: parameters, logits, loss and the gradient of every parameter equal PyTorch’s', () => {
  const tf = loadTensorFlow();
  const reference = JSON.parse(readFileSync(fixture('spectral-former.json'), 'utf8')) as SpectralFormerFixture;
  const { bands, area, classes, labels, gradients } = reference;
  const shapes = spectralFormerShapes({ bands, area, classes });
  assert.deepEqual([...shapes.keys()].sort(), Object.keys(gradients));
  for (const [name, { shape }] of Object.entries(gradients)) assert.deepEqual(shapes.get(name), shape, name);
  const variables = waveVariables(gradients, /norm\d?\.weight$/);
  const patches = labels.length;
  const input = wave(patches * bands * area, 0.5).map((value) => 5 * value);
  const spectra = tf.tensor(Float32Array.from(input), [patches, bands, area]) as Tensor3D;
  const logits = deviceScope(() => spectralFormerLogits(spectra, variables));
  assert.ok(maximumDifference(logits.dataSync(), reference.logits.values) < 1e-4);

  const target = tf.oneHot(tf.tensor1d(labels, 'int32'), classes);
  const loss = (): Scalar =>
    tf.neg(tf.mean(tf.sum(tf.mul(target, tf.logSoftmax(spectralFormerLogits(spectra, variables))), 1)));
  checkGradients(loss, variables, reference);
});
