import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '@hyperswap/random';
import {
  cast,
  deviceScope,
  deviceTensor,
  liveTensors,
  loadTensorFlow,
  readDevice,
  sampledAttention,
  sampledAttentionGradient,
  useRowKernels,
  type DeviceTensor,
  type ElementType,
} from '@hyperswap/tensor';
import { maximumDifference } from '../support/arrays.js';

loadTensorFlow();

const [patches, heads, side, points] = [2, 3, 5, 4];
const tokens = side ** 2;

function drawn(seed: number, last: number, deviation: number, type: ElementType): DeviceTensor {
  const shape = [patches, heads, tokens, last];
  const count = shape.reduce((product, length) => product * length, 1);
  return cast(deviceTensor(new Random(seed).normals(count, deviation), shape), type);
}

const values = (x: DeviceTensor): Float32Array => readDevice(cast(x, 'float32')) as Float32Array;

/** Returns the attention and both gradients by either kernels. */
function results(isCompiled: boolean, type: ElementType): Float32Array[] {
  useRowKernels(isCompiled);
  return deviceScope(() => {
    // Some of the points lie outside of the grid.
    const [scores, offsets, gradient] = [
      drawn(1, tokens, 1, type),
      drawn(2, 2 * points, 2, type),
      drawn(3, tokens, 1, type),
    ];
    const own = sampledAttentionGradient(scores, offsets, side, gradient);
    return [sampledAttention(scores, offsets, side), own.scores, own.offsets].map(values);
  });
}

/** Computes one query's weights point by point and token by token. */
function slowly(scores: Float32Array, offsets: Float32Array, query: number): number[] {
  const token = query % tokens;
  const shares = Array.from({ length: points }, (_, p) => {
    const [x, y] = [0, 1].map((axis) => offsets[query * 2 * points + 2 * p + axis]!);
    const tent = (distance: number): number => Math.max(0, 1 - Math.abs(distance));
    return Array.from(
      { length: tokens },
      (__, t) => tent((token % side) + x! - (t % side)) * tent(Math.floor(token / side) + y! - Math.floor(t / side)),
    );
  });
  const weights = shares.map((own) =>
    Math.exp(own.reduce((sum, share, t) => sum + share * scores[query * tokens + t]!, 0)),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Array.from({ length: tokens }, (_, t) =>
    shares.reduce((sum, own, p) => sum + (weights[p]! / total) * own[t]!, 0),
  );
}

test('attention at sampled points interpolates scores, weighs the points, and spreads the weights to the tokens', () => {
  const [attention] = results(true, 'float32');
  const [scores, offsets] = deviceScope(() =>
    [drawn(1, tokens, 1, 'float32'), drawn(2, 2 * points, 2, 'float32')].map(values),
  );
  for (const query of [0, 7, 24, 60, 149]) {
    const own = attention!.subarray(query * tokens, (query + 1) * tokens);
    assert.ok(maximumDifference(own, slowly(scores!, offsets!, query)) < 1e-6, `query ${query}`);
  }
});

for (const [type, limit] of [
  ['float32', 1e-5],
  ['bfloat16', 0.05],
] as const) {
  test(`attention at sampled points and its gradient are the same by either kernels in ${type}`, () => {
    const before = liveTensors();
    const [own, composed] = [results(true, type), results(false, type)];
    own.forEach((found, i) => assert.ok(maximumDifference(found, composed[i]!) < limit, `result ${i}`));
    assert.equal(liveTensors(), before);
  });
}

test('the gradient of attention at sampled points is that of finite differences', () => {
  useRowKernels(true);
  const scores = deviceScope(() => values(drawn(1, tokens, 1, 'float32')));
  const offsets = deviceScope(() => values(drawn(2, 2 * points, 2, 'float32')));
  const gradient = deviceScope(() => values(drawn(3, tokens, 1, 'float32')));
  const [, dScores, dOffsets] = results(true, 'float32');
  const loss = (query: number): number =>
    slowly(scores, offsets, query).reduce((sum, weight, t) => sum + weight * gradient[query * tokens + t]!, 0);
  const slope = (inputs: Float32Array, place: number, query: number): number => {
    const [kept, step] = [inputs[place]!, 1e-3];
    const at = (value: number): number => {
      inputs[place] = value;
      return loss(query);
    };
    const found = (at(kept + step) - at(kept - step)) / (2 * step);
    inputs[place] = kept;
    return found;
  };
  for (const query of [3, 40, 101]) {
    for (let p = 0; p < 2 * points; p++) {
      const place = query * 2 * points + p;
      assert.ok(Math.abs(slope(offsets, place, query) - dOffsets![place]!) < 2e-3, `offset ${p} of query ${query}`);
    }
    for (let t = 0; t < tokens; t++) {
      const place = query * tokens + t;
      assert.ok(Math.abs(slope(scores, place, query) - dScores![place]!) < 2e-3, `score ${t} of query ${query}`);
    }
  }
});
