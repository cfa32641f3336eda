import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { adaptedParameters } from '@hyperswap/peft';
import {
  adaptedEncoders,
  frozenFeatures,
  headLogits,
  hyperSigmaShapes,
  learningFeatures,
  openReleased,
  parseTuning,
  uploadEncoders,
} from '@hyperswap/rivals';
import { Weights } from '@hyperswap/spectralgpt';
import {
  deviceScope,
  finish,
  liveTensors,
  loadTensorFlow,
  useRowKernels,
  type Scalar,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
} from '@hyperswap/tensor';
import { maximumDifference } from '../support/arrays.js';
import { hasCode } from '../support/errors.js';
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
const released = fixture('hyper-sigma');

/** Values of a parameter that the fixtures were made with. @param start place of its name among all, sorted */
function valuesOf(name: string, shape: readonly number[], start: number): Float32Array {
  const base = /norm\d\.weight$/.test(name) ? 1 : 0;
  const factor = /gate|reduce/.test(name) ? 10 : 1;
  const count = shape.reduce((product, length) => product * length, 1);
  return Float32Array.from(wave(count, start), (value) => base + factor * value);
}

/** Windows that the fixtures were made with. */
function inputWindows(): Tensor4D {
  const count = labels.length * size.components * side ** 2;
  const input = Float32Array.from({ length: count }, (_, i) => Math.sin(0.001 * i ** 2));
  return tf.tidy(() => tf.transpose(tf.tensor4d(input, [labels.length, size.components, side, side]), [0, 2, 3, 1]));
}

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
        return [name, tf.variable(tf.tensor(valuesOf(name, shape, start), shape))];
      }),
    );
    const windows = inputWindows();
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

for (const name of ['bitfit', 'lora', 'krona', 'dora'] as const) {
  test(`HyperSIGMA adapted by ${name}: its gradients are those that PyTorch’s way of all parameters gives`, async () => {
    useRowKernels(true);
    const before = liveTensors();
    const { adaptation } = parseTuning({ adaptation: name }, size)!;
    const starts = new Map(Object.entries(gradients).map(([key, { shape }], start) => [key, { shape, start }]));
    const read = (key: string): Float32Array => valuesOf(key, starts.get(key)!.shape, starts.get(key)!.start);
    const waiting = { signal: new AbortController().signal, pause: () => Promise.resolve() };
    const form = { precision: 'float32', keepsAdapted: true } as const;
    const encoders = await uploadEncoders(size, read, form, waiting, () => undefined);
    const adapted = adaptedEncoders(adaptation, encoders, 1);
    // Factors that start at zero would hide what they multiply.
    for (const [index, variable] of [...adapted.variables.values()].entries()) {
      const start = variable.dataSync();
      const moved = Float32Array.from(wave(variable.size, index), (value, i) => start[i]! + 0.1 * value);
      const tensor = tf.tensor(moved, variable.shape);
      variable.assign(tensor);
      tensor.dispose();
    }
    const all = new Map([...starts].map(([key, { shape }]) => [key, tf.tensor(read(key), [...shape])]));
    const windows = inputWindows();
    const target = tf.tidy(() => tf.oneHot(tf.tensor1d(labels, 'int32'), classes));
    const lossOf = (features: () => Tensor2D) => () =>
      tf.losses.softmaxCrossEntropy<Tensor, Scalar>(target, headLogits(features(), all, size));
    const thin = lossOf(() => adapted.features(windows));
    const whole = lossOf(() => {
      const { replaced, updates } = adaptedParameters(
        adaptation,
        adapted.variables,
        { ...size, depth: 16 },
        new Weights(all),
      );
      const changed = new Map<string, Tensor>([...all, ...replaced]);
      for (const [layer, { left, right }] of updates) {
        changed.set(`${layer}.weight`, tf.add(changed.get(`${layer}.weight`)!, tf.matMul(left, right)));
      }
      return learningFeatures(windows, new Weights(changed), size, 'float32');
    });
    const variables = [...adapted.variables.values()];
    const gradientsOf = (loss: () => Scalar) => deviceScope(() => tf.variableGrads(loss, variables));
    const [found, wanted] = [gradientsOf(thin), gradientsOf(whole)];
    assert.ok(Math.abs(found.value.dataSync()[0]! - wanted.value.dataSync()[0]!) < 1e-5);
    for (const [key, variable] of adapted.variables) {
      const [own, other] = [found.grads[variable.name]!.dataSync(), wanted.grads[variable.name]!.dataSync()];
      const largest = Math.max(...other.map(Math.abs));
      const difference = maximumDifference(own, other);
      assert.ok(difference < 1e-3 * largest + 1e-8, `${key}: ${difference} of ${largest}`);
    }
    // What they learned, as values of parameters, gives the same features.
    const learned = adapted.learnedValues();
    const frozen = await uploadEncoders(
      size,
      (key) => learned.get(key) ?? read(key),
      { ...form, keepsAdapted: false },
      waiting,
      () => undefined,
    );
    const merged = finish(frozenFeatures(windows, frozen));
    const tuned: Tensor2D = deviceScope(() => tf.tidy(() => adapted.features(windows)));
    const apart = maximumDifference(merged.dataSync(), tuned.dataSync());
    assert.ok(apart < 1e-4, `features differ by ${apart}`);
    adapted.dispose();
    encoders.dispose();
    frozen.dispose();
    tf.dispose([...all.values(), windows, target, merged, tuned, found.value, found.grads, wanted.value, wanted.grads]);
    assert.equal(liveTensors(), before);
  });
}

test('the released files give the blocks and the positions of spectral tokens, and nothing else', async () => {
  const weights = await openReleased(size, released);
  const taken: string[] = [];
  for (const [start, [name, { shape }]] of Object.entries(gradients).entries()) {
    const values = weights.read(name);
    if (values === undefined) continue;
    taken.push(name);
    assert.deepEqual(values, valuesOf(name, shape, start), name);
  }
  weights.close();
  const expected = Object.keys(gradients).filter(
    (name) => (name.includes('.blocks.') && !name.includes('offsets')) || name === 'spectral.positions',
  );
  assert.deepEqual(taken, expected);
});

test('released files that are missing, or of another size, are refused with what is expected', async () => {
  await assert.rejects(openReleased({ ...size, width: 32 }, released), (error: Error) => {
    assert.ok(hasCode('BACKBONE_INVALID')(error), error.message);
    assert.match(error.message, /spat-vit-base-made-up\.pth.*blocks\.0\.norm1\.weight is \[16\].*\[32\]/);
    return true;
  });
  const folder = await mkdtemp(path.join(tmpdir(), 'hyperswap-released-'));
  await copyFile(path.join(released, 'spat-vit-base-made-up.pth'), path.join(folder, 'spat-vit-base-made-up.pth'));
  await assert.rejects(openReleased(size, folder), hasCode('CONFIG_INVALID', /spec-vit-base/));
  await assert.rejects(openReleased(size, path.join(folder, 'none')), hasCode('CONFIG_INVALID', /spat-vit-base/));
  await rm(folder, { recursive: true });
});
