import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { deviceScope, loadTensorFlow, type Scalar, type Tensor3D } from '@hyperswap/tensor';
import { spectralFormerLogits, spectralFormerShapes } from '@hyperswap/rivals';
import { maximumDifference } from '../support/arrays.js';
import { fixture, type StoredValues } from '../support/fixtures.js';

interface SpectralFormerFixture {
  readonly bands: number;
  readonly area: number;
  readonly classes: number;
  readonly labels: number[];
  readonly logits: StoredValues;
  readonly loss: number;
  readonly gradients: Record<string, { shape: number[]; alongWave: number; length: number }>;
}

/** The fixture's values: parameters, input, and what gradients are multiplied with. */
const wave = (count: number, start: number): Float64Array =>
  Float64Array.from({ length: count }, (_, i) => 0.2 * Math.sin(1.7 * i + start));

test('SpectralFormer: parameters, logits, loss and the gradient of every parameter equal PyTorch’s', () => {
  const tf = loadTensorFlow();
  const reference = JSON.parse(readFileSync(fixture('spectral-former.json'), 'utf8')) as SpectralFormerFixture;
  const { bands, area, classes, labels, gradients } = reference;
  const shapes = spectralFormerShapes({ bands, area, classes });
  assert.deepEqual([...shapes.keys()].sort(), Object.keys(gradients));
  const variables = new Map(
    Object.entries(gradients).map(([name, { shape }], start) => {
      assert.deepEqual(shapes.get(name)![0], shape, name);
      const base = /norm\d?\.weight$/.test(name) ? 1 : 0;
      const count = shape.reduce((product, length) => product * length, 1);
      return [
        name,
        tf.variable(
          tf.tensor(
            Float32Array.from(wave(count, start), (value) => base + value),
            shape,
          ),
        ),
      ];
    }),
  );
  const patches = labels.length;
  const input = wave(patches * bands * area, 0.5).map((value) => 5 * value);
  const spectra = tf.tensor(Float32Array.from(input), [patches, bands, area]) as Tensor3D;
  const logits = deviceScope(() => spectralFormerLogits(spectra, variables));
  assert.ok(maximumDifference(logits.dataSync(), reference.logits.values) < 1e-4);

  const target = tf.oneHot(tf.tensor1d(labels, 'int32'), classes);
  const loss = (): Scalar =>
    tf.neg(tf.mean(tf.sum(tf.mul(target, tf.logSoftmax(spectralFormerLogits(spectra, variables))), 1)));
  const { value, grads } = deviceScope(() => tf.variableGrads(loss, [...variables.values()]));
  assert.ok(Math.abs(value.dataSync()[0]! - reference.loss) < 1e-5);
  for (const [name, { alongWave, length }] of Object.entries(gradients)) {
    const gradient = Float64Array.from(grads[variables.get(name)!.name]!.dataSync());
    const probe = wave(gradient.length, 0.25);
    const along = gradient.reduce((sum, each, i) => sum + each * probe[i]!, 0);
    const limit = 1e-3 * length + 1e-6;
    assert.ok(Math.abs(along - alongWave) < limit, `${name}: ${along} along the wave, ${alongWave} wanted`);
    assert.ok(
      Math.abs(Math.hypot(...gradient) - length) < limit,
      `${name}: length ${Math.hypot(...gradient)}, ${length}`,
    );
  }
});
