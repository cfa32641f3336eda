import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '@hyperswap/random';
import {
  causalConvolution,
  deviceScope,
  groupNorm,
  liveTensors,
  loadTensorFlow,
  useRowKernels,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
} from '@hyperswap/tensor';
import { maximumDifference } from '../support/arrays.js';

const tf = loadTensorFlow();

function drawn(seed: number, ...shape: number[]): Tensor {
  const random = new Random(seed);
  return tf.tensor(
    random.normals(
      shape.reduce((product, length) => product * length, 1),
      1,
    ),
    shape,
  );
}

/** Computes an operation's result and gradients by our kernels and by public ops, and compares them. */
function compareKernels(inputs: Tensor[], operation: (...inputs: Tensor[]) => Tensor, limit: number): void {
  const before = liveTensors();
  const [own, composed] = [true, false].map((isCompiled) => {
    useRowKernels(isCompiled);
    return deviceScope(() => {
      const { value, grads } = tf.valueAndGrads((...given: Tensor[]) => {
        const result = operation(...given);
        const weights = tf.tensor(
          Float32Array.from({ length: result.size }, (_, i) => Math.sin(1.7 * i)),
          result.shape,
        );
        return tf.sum(tf.mul(result, weights));
      })(inputs);
      const values = [value, ...grads].map((tensor) => tensor.dataSync() as Float32Array);
      tf.dispose([value, ...grads]);
      return values;
    });
  });
  own!.forEach((values, i) => {
    const scale = Math.max(1, ...composed![i]!.map(Math.abs));
    const difference = maximumDifference(values, composed![i]!) / scale;
    assert.ok(difference < limit, `result ${i} differs by ${difference}`);
  });
  assert.equal(liveTensors(), before);
}

test('the causal convolution sees the own and earlier steps of its own sequence, and is the same by either kernels', () => {
  const [sequences, length, channels] = [3, 70, 32];
  const inputs = [drawn(1, sequences, length, channels), drawn(2, channels, 4), drawn(3, channels)];
  const run = (...[x, weights, bias]: Tensor[]): Tensor =>
    causalConvolution(x as Tensor3D, weights as Tensor2D, bias as Tensor1D);
  compareKernels(inputs, run, 1e-5);
  compareKernels([drawn(1, 90, 2, 16), drawn(2, 16, 4), drawn(3, 16)], run, 1e-5);
  useRowKernels(true);
  const found = deviceScope(() => run(...inputs)).dataSync();
  const [x, weights, bias] = inputs.map((tensor) => tensor.dataSync());
  for (const [s, t, d] of [
    [0, 0, 5],
    [1, 1, 31],
    [2, 69, 0],
  ] as const) {
    let sum = bias![d]!;
    for (let tap = 0; tap < 4; tap++) {
      const step = t - 3 + tap;
      if (step >= 0) sum += weights![d * 4 + tap]! * x![(s * length + step) * channels + d]!;
    }
    const wanted = sum / (1 + Math.exp(-sum));
    assert.ok(Math.abs(found[(s * length + t) * channels + d]! - wanted) < 1e-5);
  }
});

test('the group norm has mean 0 and variance 1 over each group of all rows, and is the same by either kernels', () => {
  const [rows, channels] = [700, 32];
  const shape = { groups: 4, epsilon: 1e-5 };
  const x = tf.add(tf.mul(drawn(4, rows, channels), 3), 5);
  const run = (...[given, scale, shift]: Tensor[]): Tensor =>
    groupNorm(given as Tensor2D, scale as Tensor1D, shift as Tensor1D, shape);
  compareKernels([x, drawn(5, channels), drawn(6, channels)], run, 2e-5);
  useRowKernels(true);
  // A shift of 20 takes SiLU to its linear part.
  const y = deviceScope(() => run(x, tf.ones([channels]), tf.fill([channels], 20)));
  const grouped = tf.reshape(y, [rows, 4, channels / 4]);
  const { mean, variance } = tf.moments(grouped, [0, 2]);
  assert.ok(maximumDifference(mean.dataSync(), [20, 20, 20, 20]) < 1e-3);
  assert.ok(maximumDifference(variance.dataSync(), [1, 1, 1, 1]) < 1e-3);
});
