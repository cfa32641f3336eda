import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { mambaHsiLogits, mambaHsiShapes } from '@hyperswap/rivals';
import { deviceScope, loadTensorFlow, useRowKernels, type Scalar } from '@hyperswap/tensor';
import { maximumDifference } from '../support/arrays.js';
import { fixture, type StoredValues } from '../support/fixtures.js';
import { checkGradients, wave, waveVariables, type StoredGradients } from '../support/parity-gradients.js';

interface MambaHsiFixture {
  readonly height: number;
  readonly width: number;
  readonly bands: number;
  readonly classes: number;
  readonly pixels: number[];
  readonly labels: number[];
  readonly logits: StoredValues;
  readonly loss: number;
  readonly gradients: StoredGradients;
}

const tf = loadTensorFlow();
const reference = JSON.parse(readFileSync(fixture('mamba-hsi.json'), 'utf8')) as MambaHsiFixture;
const { height, width, bands, classes, pixels, labels, gradients } = reference;

for (const [kernels, isCompiled] of [
  ['our kernels', true],
  ['public ops', false],
] as const) {
  test(`MambaHSI by ${kernels}: logits, loss and the gradient of every parameter equal PyTorch’s`, () => {
    useRowKernels(isCompiled);
    const shapes = mambaHsiShapes(bands, classes);
    assert.deepEqual([...shapes.keys()].sort(), Object.keys(gradients));
    for (const [name, { shape }] of Object.entries(gradients)) assert.deepEqual(shapes.get(name), shape, name);
    const variables = waveVariables(gradients, /norm\.weight$|\.D$/);
    const input = wave(height * width * bands, 0.5).map((value) => 0.5 + 2 * value);
    const scene = tf.tensor2d(Float32Array.from(input), [height * width, bands]);
    const logits = deviceScope(() => mambaHsiLogits(scene, height, variables));
    const difference = maximumDifference(logits.dataSync(), reference.logits.values);
    assert.ok(difference < 1e-4, `logits differ by ${difference}`);
    const loss = (): Scalar => {
      const own = tf.gather(mambaHsiLogits(scene, height, variables), tf.tensor1d(pixels, 'int32'));
      return tf.losses.softmaxCrossEntropy(tf.oneHot(tf.tensor1d(labels, 'int32'), classes), own);
    };
    checkGradients(loss, variables, reference);
    tf.dispose([...variables.values(), scene, logits]);
  });
}
