/** Ops of `sampled-attention.ts`, composed of TensorFlow's own ops, for devices without our kernels. */
import { composedSoftmax, composedSoftmaxGradient } from './composed-rows.js';
import { constant, deviceScope, deviceTensor, type DeviceTensor } from './device-tensor.js';
import {
  absolute,
  add,
  batchMatMul,
  cast,
  multiply,
  negate,
  positivePart,
  reshape,
  roundDown,
  rowSums,
  slice,
} from './operations.js';

/** Interpolation at the points of each query. */
interface Sampling {
  /** Distances along an axis of each point from each token, `[heads, side², points, side²]`. */
  readonly distances: readonly [DeviceTensor, DeviceTensor];
  /** Shares of the tokens along each axis, of the same shape: 1 less the distance, at least 0. */
  readonly tents: readonly [DeviceTensor, DeviceTensor];
  /** Products of both shares. */
  readonly shares: DeviceTensor;
  /** Softmax over the points, `[heads, side², 1, points]`. */
  readonly weights: DeviceTensor;
  /** Scores, `[heads, side², side², 1]`. */
  readonly scores: DeviceTensor;
}

export function composedSampledAttention(scores: DeviceTensor, offsets: DeviceTensor, side: number): DeviceTensor {
  return deviceScope(() => {
    const { shares, weights } = sample(scores, offsets, side);
    return cast(reshape(batchMatMul(weights, shares), scores.shape), scores.type);
  });
}

export function composedSampledAttentionGradient(
  scores: DeviceTensor,
  offsets: DeviceTensor,
  side: number,
  gradient: DeviceTensor,
): { readonly scores: DeviceTensor; readonly offsets: DeviceTensor } {
  return deviceScope(() => {
    const { distances, tents, shares, weights, scores: columns } = sample(scores, offsets, side);
    const dAttention = reshape(cast(gradient, 'float32'), columns.shape);
    const dWeights = reshape(batchMatMul(shares, dAttention), weights.shape);
    const slopes = composedSoftmaxGradient(weights, dWeights);
    const dShares = add(batchMatMul(slopes, columns, true, true), batchMatMul(weights, dAttention, true, true));
    const along = (axis: 0 | 1): DeviceTensor => {
      const other = multiply(dShares, tents[1 - axis]!);
      return rowSums(multiply(other, slopeOf(distances[axis])));
    };
    const [x, y] = [along(0), along(1)];
    const [heads, tokens, points] = x.shape as [number, number, number];
    // Each coordinate gets its column: x (1, 0) + y (0, 1).
    const columnsOf = (values: DeviceTensor, first: number): DeviceTensor =>
      multiply(reshape(values, [heads, tokens, points, 1]), vector(`axis ${first}`, [1 - first, first], [1, 1, 1, 2]));
    const dOffsets = add(columnsOf(x, 0), columnsOf(y, 1));
    return {
      scores: cast(reshape(batchMatMul(slopes, shares), scores.shape), scores.type),
      offsets: cast(reshape(dOffsets, offsets.shape), offsets.type),
    };
  });
}

/**
 * Returns the slope of a tent: 1 from −1 to 0, −1 from 0 to 1. At a corner it is that of the right side, as PyTorch's.
 */
function slopeOf(distance: DeviceTensor): DeviceTensor {
  const floor = roundDown(distance);
  const isInside = positivePart(add(negate(absolute(add(floor, 0.5))), 1.5));
  return multiply(negate(add(multiply(floor, 2), 1)), isInside);
}

function sample(given: DeviceTensor, offsets: DeviceTensor, side: number): Sampling {
  const tokens = side ** 2;
  const points = offsets.shape.at(-1)! / 2;
  const heads = given.shape.slice(0, -2).reduce((product, length) => product * length, 1);
  const both = reshape(cast(offsets, 'float32'), [heads, tokens, points, 2]);
  const distanceAlong = (axis: 0 | 1): DeviceTensor => {
    const place = (token: number): number => (axis === 0 ? token % side : Math.floor(token / side));
    const apart = Array.from({ length: tokens ** 2 }, (_, i) => place(Math.floor(i / tokens)) - place(i % tokens));
    const offset = slice(both, [0, 0, 0, axis], [heads, tokens, points, 1]);
    return add(offset, vector(`apart ${side} ${axis}`, apart, [1, tokens, 1, tokens]));
  };
  const distances = [distanceAlong(0), distanceAlong(1)] as const;
  const tent = (distance: DeviceTensor): DeviceTensor => positivePart(add(negate(absolute(distance)), 1));
  const tents = [tent(distances[0]), tent(distances[1])] as const;
  const shares = multiply(tents[0], tents[1]);
  const scores = reshape(cast(given, 'float32'), [heads, tokens, tokens, 1]);
  const weights = composedSoftmax(reshape(batchMatMul(shares, scores), [heads, tokens, 1, points]));
  return { distances, tents, shares, weights, scores };
}

function vector(name: string, values: readonly number[], shape: readonly number[]): DeviceTensor {
  return constant(`sampling ${name}`, () => deviceTensor(Float32Array.from(values), shape));
}
