/** Parameters and gradients of a network that `tests/parity/write_fixtures.py` computed too. */
import assert from 'node:assert/strict';
import { deviceScope, tensorflow, type Scalar, type Tensor, type Variable } from '@hyperswap/tensor';

/** Gradient of a parameter: its shape, its product with a wave, and its length. */
export type StoredGradients = Record<string, { shape: number[]; alongWave: number; length: number }>;

/** Values that both languages make alike, so that a fixture need not hold them. */
export function wave(count: number, start: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => 0.2 * Math.sin(1.7 * i + start));
}

/** Creates the parameters of a fixture. @param startsAtOne parameters whose values lie around 1 */
export function waveVariables(gradients: StoredGradients, startsAtOne: RegExp): Map<string, Variable> {
  const tf = tensorflow();
  return new Map(
    Object.entries(gradients).map(([name, { shape }], start) => {
      const base = startsAtOne.test(name) ? 1 : 0;
      const count = shape.reduce((product, length) => product * length, 1);
      const values = Float32Array.from(wave(count, start), (value) => base + value);
      return [name, tf.variable(tf.tensor(values, shape))];
    }),
  );
}

/** Checks the loss within 10⁻⁵ and the gradient of every parameter within a thousandth of its length. */
export function checkGradients(
  loss: () => Scalar,
  variables: ReadonlyMap<string, Variable>,
  reference: { readonly loss: number; readonly gradients: StoredGradients },
): void {
  const tf = tensorflow();
  const { value, grads } = deviceScope(() => tf.variableGrads(loss, [...variables.values()]));
  const found = value.dataSync()[0]!;
  assert.ok(Math.abs(found - reference.loss) < 1e-5, `loss ${found}, ${reference.loss} wanted`);
  for (const [name, { alongWave, length }] of Object.entries(reference.gradients)) {
    const gradient = Float64Array.from(grads[variables.get(name)!.name]!.dataSync());
    const probe = wave(gradient.length, 0.25);
    const along = gradient.reduce((sum, each, i) => sum + each * probe[i]!, 0);
    const limit = 1e-3 * length + 1e-6;
    assert.ok(Math.abs(along - alongWave) < limit, `${name}: ${along} along the wave, ${alongWave} wanted`);
    const own = Math.hypot(...gradient);
    assert.ok(Math.abs(own - length) < limit, `${name}: length ${own}, ${length} wanted`);
  }
  tf.dispose([value, ...(Object.values(grads) as Tensor[])]);
}
