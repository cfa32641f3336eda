import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { headLogits, hyperSigmaShapes, learningFeatures } from '@hyperswap/rivals';
import { Weights } from '@hyperswap/spectralgpt';
import {
  deviceScope,
  loadTensorFlow,
  useRowKernels,
  type Scalar,
  type Tensor2D,
  type Tensor4D,
} from '@hyperswap/tensor';
import { maximumDifference } from '../support/arrays.js';
import { fixture, type StoredValues } from '../support/fixtures.js';
import { checkGradients, wave, type StoredGradients } from '../support/parity-gradients.js';

interface HyperSigmaFixture {
  readonly size: {
    readonly width: number;
    readonly heads: number;
    readonly points: number;
    readonly ratio: number;
    readonly components: number;
    readonly spectral_tokens: number;
    readonly reduced: number;
  };
  readonly classes: number;
  readonly labels: number[];
  readonly logits: StoredValues;
  readonly loss: number;
  readonly gradients: StoredGradients;
}

const tf = loadTensorFlow();
const reference = JSON.parse(readFileSync(fixture('hyper-sigma.json'), 'utf8')) as HyperSigmaFixture;
const { classes, labels, gradients } = reference;
const { ratio: mlpRatio, spectral_tokens: spectralTokens, ...sizes } = reference.size;
const size = { ...sizes, mlpRatio, spectralTokens };
const side = 33;

for (const [kernels, isCompiled] of [
  ['our kernels', true],
  ['public ops', false],
] as const) {
  test(`HyperSIGMA by ${kernels}: logits, loss and the gradient of every parameter equal PyTorch’s`, () => {
    useRowKernels(isCompiled);
    const shapes = hyperSigmaShapes(size, classes);
    assert.deepEqual([...shapes.keys()].sort(), Object.keys(gradients));
    for (const [name, { shape }] of Object.entries(gradients)) assert.deepEqual(shapes.get(name), shape, name);
    const variables = new Map(
      Object.entries(gradients).map(([name, { shape }], start) => {
        const base = /norm\d\.weight$/.test(name) ? 1 : 0;
        const factor = /gate|reduce/.test(name) ? 10 : 1;
        const count = shape.reduce((product, length) => product * length, 1);
        const values = Float32Array.from(wave(count, start), (value) => base + factor * value);
        return [name, tf.variable(tf.tensor(values, shape))];
      }),
    );
    const count = labels.length * size.components * side ** 2;
    const input = Float32Array.from({ length: count }, (_, i) => Math.sin(0.001 * i ** 2));
    const windows: Tensor4D = tf.tidy(() =>
      tf.transpose(tf.tensor4d(input, [labels.length, size.components, side, side]), [0, 2, 3, 1]),
    );
    const logitsOf = (): Tensor2D =>
      headLogits(learningFeatures(windows, new Weights(variables), size, 'float32'), variables, size);
    const logits = deviceScope(logitsOf);
    const difference = maximumDifference(logits.dataSync(), reference.logits.values);
    assert.ok(difference < 1e-4, `logits differ by ${difference}`);
    const target = tf.oneHot(tf.tensor1d(labels, 'int32'), classes);
    const loss = (): Scalar => tf.losses.softmaxCrossEntropy(target, logitsOf());
    checkGradients(loss, variables, reference);
    tf.dispose([...variables.values(), windows, logits, target]);
  });
}
