import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '@hyperswap/random';
import {
  deviceScope,
  liveTensors,
  loadTensorFlow,
  selectiveScan,
  useRowKernels,
  type ScanInputs,
  type Tensor,
} from '@hyperswap/tensor';
import { maximumDifference } from '../support/arrays.js';

const tf = loadTensorFlow();

interface Sizes {
  readonly sequences: number;
  readonly length: number;
  readonly channels: number;
  readonly states: number;
}

const names = ['x', 'raw', 'b', 'c', 'logarithms', 'skip', 'z'] as const;
type Values = Record<(typeof names)[number], Float64Array>;

function shapesOf({ sequences, length, channels, states }: Sizes): Record<(typeof names)[number], number[]> {
  const wide = [sequences, length, channels];
  const narrow = [sequences, length, states];
  return { x: wide, raw: wide, b: narrow, c: narrow, logarithms: [channels, states], skip: [channels], z: wide };
}

function drawn(sizes: Sizes, seed: number): Values {
  const random = new Random(seed);
  const shapes = shapesOf(sizes);
  return Object.fromEntries(
    names.map((name) => {
      const size = shapes[name].reduce((product, length) => product * length, 1);
      return [name, Float64Array.from({ length: size }, () => 2 * random.uniform() - 1)];
    }),
  ) as Values;
}

/** Plain loops in 64 bits: the result of every step. */
function plainScan({ sequences, length, channels, states }: Sizes, v: Values): Float64Array {
  const out = new Float64Array(sequences * length * channels);
  for (let s = 0; s < sequences; s++) {
    for (let d = 0; d < channels; d++) {
      const h = new Float64Array(states);
      for (let t = 0; t < length; t++) {
        const at = (s * length + t) * channels + d;
        const delta = Math.log1p(Math.exp(v.raw[at]!));
        let y = v.skip[d]! * v.x[at]!;
        for (let n = 0; n < states; n++) {
          const token = (s * length + t) * states + n;
          const rate = -Math.exp(v.logarithms[d * states + n]!);
          h[n] = Math.exp(delta * rate) * h[n]! + delta * v.x[at]! * v.b[token]!;
          y += v.c[token]! * h[n]!;
        }
        out[at] = (y * v.z[at]!) / (1 + Math.exp(-v.z[at]!));
      }
    }
  }
  return out;
}

function tensorsOf(sizes: Sizes, values: Values): Tensor[] {
  const shapes = shapesOf(sizes);
  return names.map((name) => tf.tensor(Float32Array.from(values[name]), shapes[name]));
}

function scanOf(tensors: readonly Tensor[]): Tensor {
  return selectiveScan(Object.fromEntries(names.map((name, i) => [name, tensors[i]!])) as unknown as ScanInputs);
}

/** Long sequences are shared among threads by channels, many short ones by sequences. */
const cases: readonly (readonly [string, Sizes, boolean])[] = [
  ['our kernel, a long sequence', { sequences: 1, length: 75, channels: 64, states: 16 }, true],
  ['our kernel, channels that are not shared', { sequences: 2, length: 33, channels: 16, states: 3 }, true],
  ['our kernel, many short sequences', { sequences: 70, length: 4, channels: 32, states: 16 }, true],
  ['public ops, because of the channels', { sequences: 2, length: 13, channels: 5, states: 3 }, true],
  ['public ops, a long sequence', { sequences: 1, length: 75, channels: 16, states: 16 }, false],
  ['public ops, one step', { sequences: 3, length: 1, channels: 4, states: 2 }, false],
];

for (const [name, sizes, isCompiled] of cases) {
  test(`the selective scan equals plain loops in 64 bits, and its gradients central differences: ${name}`, () => {
    useRowKernels(isCompiled);
    const values = drawn(sizes, 5);
    const before = liveTensors();
    const inputs = tensorsOf(sizes, values);
    const expected = plainScan(sizes, values);
    const weights = drawn(sizes, 6).x;
    const result = deviceScope(() => scanOf(inputs));
    assert.ok(maximumDifference(result.dataSync(), expected) < 2e-6);
    const weighted = tf.tensor(Float32Array.from(weights), result.shape);
    const gradients = deviceScope(() =>
      tf.grads((...given: Tensor[]) => tf.sum(tf.mul(scanOf(given), weighted)))(inputs),
    );
    const loss = (): number => plainScan(sizes, values).reduce((sum, value, i) => sum + value * weights[i]!, 0);
    const random = new Random(8);
    names.forEach((input, i) => {
      const own = values[input];
      const found = gradients[i]!.dataSync();
      // Some values of each input, the first and the last among them.
      for (const at of [
        0,
        own.length - 1,
        ...Array.from({ length: 10 }, () => Math.floor(random.uniform() * own.length)),
      ]) {
        const [value, step] = [own[at]!, 1e-5];
        own[at] = value + step;
        const above = loss();
        own[at] = value - step;
        const below = loss();
        own[at] = value;
        const wanted = (above - below) / (2 * step);
        const error = Math.abs(found[at]! - wanted);
        assert.ok(error < 1e-5 * Math.max(1, Math.abs(wanted)), `d${input}[${at}] is ${found[at]}, ${wanted} wanted`);
      }
    });
    tf.dispose([...inputs, ...gradients, result, weighted]);
    assert.equal(liveTensors(), before);
  });
}
