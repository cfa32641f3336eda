import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '@hyperswap/random';
import {
  learningRateOf,
  spectralFormerInitialValues,
  spectralFormerLogits,
  spectralFormerShapes,
} from '@hyperswap/rivals';
import {
  AdamW,
  deviceScope,
  dropout,
  dropoutFactors,
  liveTensors,
  loadTensorFlow,
  readDevice,
  useRowKernels,
  type ValuesSeed,
  type Scalar,
  type Tensor2D,
  type Tensor3D,
  type Variable,
} from '@hyperswap/tensor';
import { maximumDifference } from '../support/arrays.js';

const tf = loadTensorFlow();
useRowKernels(true);

const factors = (seed: ValuesSeed, rate = 0.1, shape = [500, 200]): Float32Array =>
  deviceScope(() => readDevice(dropoutFactors(shape, rate, seed)) as Float32Array);

test('dropout sets its share of values to 0 and keeps the mean, the same for the same seed', () => {
  const found = factors([1, 2]);
  const zeros = found.filter((factor) => factor === 0).length / found.length;
  assert.ok(Math.abs(zeros - 0.1) < 0.005, String(zeros));
  assert.ok(found.every((factor) => factor === 0 || Math.abs(factor - 1 / 0.9) < 1e-6));
  assert.deepEqual(factors([1, 2]), found);
  assert.notDeepEqual(factors([1, 3]), found);
  assert.notDeepEqual(factors([2, 2]), found);
  const x: Tensor2D = tf.ones([500, 200]);
  const dropped = dropout(x, 0.1, [1, 2]);
  assert.deepEqual(dropped.dataSync(), found);
  tf.dispose([x, dropped]);
});

test('a penalty adds its share of every parameter to the gradient, as half its square added to the loss', () => {
  const penalty = 0.3;
  const steps = (penalised: boolean): number[] => {
    const variables: Variable[] = [tf.variable(tf.tensor2d([[1, -2]])), tf.variable(tf.tensor1d([3]))];
    const optimizer = new AdamW(variables, { weightDecay: 0, penalty: penalised ? penalty : 0 });
    const loss = (): Scalar => {
      const [weight, bias] = variables as [Variable, Variable];
      const fit: Scalar = tf.sum(tf.square(tf.sub(weight, bias)));
      if (penalised) return fit;
      return tf.add(fit, tf.mul(penalty / 2, tf.add(tf.sum(tf.square(weight)), tf.sum(tf.square(bias)))));
    };
    for (let step = 0; step < 5; step++) optimizer.minimise(loss, () => 0.1);
    const values = variables.flatMap((variable) => [...variable.dataSync()]);
    optimizer.dispose();
    tf.dispose(variables);
    return values;
  };
  assert.ok(maximumDifference(steps(true), steps(false)) < 1e-5);
});

test('SpectralFormer’s learning rate falls to nine tenths ten times, each an epoch before a tenth is over', () => {
  const rates = Array.from({ length: 300 }, (_, epoch) => learningRateOf(epoch, 300));
  assert.equal(rates[0], 5e-4);
  assert.equal(rates[28], 5e-4);
  assert.ok(Math.abs(rates[29]! - 4.5e-4) < 1e-12);
  assert.ok(Math.abs(rates[299]! - 5e-4 * 0.9 ** 10) < 1e-12);
  assert.ok(Math.abs(learningRateOf(0, 1) - 4.5e-4) < 1e-12);
});

test('SpectralFormer starts with PyTorch’s layers and standard normal positions, as its authors’ program', () => {
  const shapes = spectralFormerShapes({ bands: 40, area: 49, classes: 16 });
  const values = spectralFormerInitialValues(shapes, 1);
  const deviation = (name: string): number =>
    Math.sqrt(values.get(name)!.reduce((sum, value) => sum + value ** 2, 0) / values.get(name)!.length);
  for (const [name, input] of [
    ['embedding.weight', 3 * 49],
    ['embedding.bias', 3 * 49],
    ['layer0.0.attn.q.weight', 64],
    ['layer4.0.mlp.fc2.weight', 8],
    ['layer2.fusion.weight', 2 * 41],
    ['head.bias', 64],
  ] as const) {
    const limit = input ** -0.5;
    assert.ok(
      values.get(name)!.every((value) => Math.abs(value) <= limit),
      name,
    );
    assert.ok(Math.abs(deviation(name) / (limit / Math.sqrt(3)) - 1) < 0.25, name);
  }
  for (const name of ['position', 'class']) assert.ok(Math.abs(deviation(name) - 1) < 0.25, name);
  assert.ok(values.get('layer0.0.norm1.weight')!.every((value) => value === 1));
  assert.ok(values.get('head.norm.bias')!.every((value) => value === 0));
});

test('SpectralFormer with dropout has the gradient of finite differences, other logits, and leaves no tensors', () => {
  const [bands, area, classes, patches] = [6, 9, 3, 4];
  const shapes = spectralFormerShapes({ bands, area, classes });
  const random = new Random(1);
  const variables = new Map<string, Variable>();
  for (const [name, shape] of shapes) {
    const size = shape.reduce((product, length) => product * length, 1);
    const base = /norm\d?\.weight$/.test(name) ? 1 : 0;
    variables.set(
      name,
      tf.variable(
        tf.tensor(
          random.normals(size, 0.3).map((value) => base + value),
          shape,
        ),
      ),
    );
  }
  const spectra = tf.tensor(random.normals(patches * bands * area, 1), [patches, bands, area]) as Tensor3D;
  const before = liveTensors();
  const logitsOf = (rate: number): Tensor2D => {
    const seeds = new Random(7);
    const drawSeed = (): ValuesSeed => [seeds.integer(2 ** 31), seeds.integer(2 ** 31)];
    return spectralFormerLogits(spectra, variables, rate === 0 ? undefined : { rate, drawSeed });
  };
  const loss = (): Scalar => tf.tidy(() => tf.sum(tf.square(logitsOf(0.4))));
  const read = (rate: number): Float32Array =>
    deviceScope(() => tf.tidy(() => logitsOf(rate).dataSync())) as Float32Array;
  assert.deepEqual(read(0.4), read(0.4));
  assert.ok(maximumDifference(read(0.4), read(0)) > 0.01);
  const { value, grads } = deviceScope(() => tf.variableGrads(loss, [...variables.values()]));
  const lossNow = (): number => deviceScope(() => tf.tidy(() => loss().dataSync()[0]!));
  for (const name of [
    'embedding.weight',
    'layer0.0.attn.q.weight',
    'layer1.0.mlp.fc1.weight',
    'layer4.0.mlp.fc2.weight',
  ]) {
    const variable = variables.get(name)!;
    const direction = tf.tidy(() => tf.div(grads[variable.name]!, tf.norm(grads[variable.name]!)));
    const length = tf.tidy(() => tf.norm(grads[variable.name]!).dataSync()[0]!);
    const kept = variable.clone();
    const at = (step: number): number => {
      tf.tidy(() => variable.assign(tf.add(kept, tf.mul(direction, step))));
      return lossNow();
    };
    const slope = (at(1e-3) - at(-1e-3)) / 2e-3;
    variable.assign(kept);
    tf.dispose([kept, direction]);
    assert.ok(Math.abs(slope - length) < 0.02 * length, `${name}: ${slope}, ${length} wanted`);
  }
  tf.dispose([value, ...Object.values(grads)]);
  assert.equal(liveTensors(), before);
  tf.dispose([spectra, ...variables.values()]);
});
