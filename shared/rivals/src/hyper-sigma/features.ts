/**
 * Features of windows by HyperSIGMA's encoders (Wang et al. 2025, arXiv:2406.11519): all that the fusion and the head
 * read. Each spatial tap is averaged over its tokens first, because the fusion is linear in it; the spectral encoder
 * gives a value for each of its tokens.
 */
import { encode, encodeLearning, type BlockLayers, type LearningBlocks, type Weights } from '@hyperswap/spectralgpt';
import {
  tensorflow,
  type FloatPrecision,
  type Steps,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
} from '@hyperswap/tensor';
import type { Encoder } from './parameters.js';
import { gridSide, spatialStages, spatialTokens, spectralDepth, type HyperSigmaSize } from './size.js';
import { spatialInput, spectralInput } from './tokens.js';

/** Frozen encoders on the device. */
export interface FrozenEncoders {
  readonly size: HyperSigmaSize;
  /** Parameters outside of the blocks. */
  readonly weights: Weights;
  readonly blocks: Readonly<Record<Encoder, readonly BlockLayers[]>>;
}

/**
 * Computes the features of windows with frozen encoders, one block per step.
 *
 * @param windows `[windows, side, side, components]`
 * @returns `[windows, taps · width + spectral tokens]`: the last tap first, then the spectral values
 */
export function* frozenFeatures(windows: Tensor4D, { size, weights, blocks }: FrozenEncoders): Steps<Tensor2D> {
  const tf = tensorflow();
  const taps: Tensor2D[] = [];
  let state: Tensor2D | undefined;
  const next = (following: Tensor2D): Tensor2D => {
    state?.dispose();
    state = following;
    return following;
  };
  try {
    next(spatialInput(windows, weights));
    for (const { first, depth, pool } of spatialStages) {
      next(yield* encode(state!, spatialTokens, size, blocks.spatial.slice(first, first + depth)));
      taps.push(pooledTap(state!, pool));
    }
    next(spectralInput(windows, weights, size));
    next(yield* encode(state!, size.spectralTokens, size, blocks.spectral));
    const spectral = spectralValues(state!, weights, size);
    taps.unshift(spectral);
    return tf.concat([...taps].reverse(), 1);
  } finally {
    state?.dispose();
    tf.dispose(taps);
  }
}

/** Learned parts of some blocks of an encoder. */
export type LearningEncoder = (encoder: Encoder, first: number, depth: number) => LearningBlocks['partly'];

/**
 * Computes the features with a gradient, inside a device scope that stays open until the gradient was computed.
 *
 * @param weights of both encoders, learned ones among them
 * @param partly frozen layers and learned parts of some blocks; if omitted, everything learns
 */
export function learningFeatures(
  windows: Tensor4D,
  weights: Weights,
  size: HyperSigmaSize,
  precision: FloatPrecision,
  partly?: LearningEncoder,
): Tensor2D {
  const tf = tensorflow();
  const { width, heads } = size;
  // A gradient of what comes before a stage is needed where everything learns, or an earlier stage does.
  const run = (x: Tensor2D, tokens: number, encoder: Encoder, first: number, depth: number): Tensor2D => {
    const stack = { prefix: `${encoder}.blocks`, first, depth, width, heads };
    const inputLearns = partly === undefined || first > 0;
    return encodeLearning(x, tokens, {
      stack,
      precision,
      weights,
      partly: partly?.(encoder, first, depth),
      inputLearns,
    });
  };
  const taps: Tensor2D[] = [];
  let state = spatialInput(windows, weights);
  for (const { first, depth, pool } of spatialStages) {
    state = run(state, spatialTokens, 'spatial', first, depth);
    taps.unshift(pooledTap(state, pool));
  }
  const spectral = run(spectralInput(windows, weights, size), size.spectralTokens, 'spectral', 0, spectralDepth);
  return tf.concat([...taps, spectralValues(spectral, weights, size)], 1);
}

/**
 * Averages a tap over its tokens, or over the largest values of squares of them.
 *
 * @param x `[windows · tokens, width]`
 */
function pooledTap(x: Tensor2D, pool: number): Tensor2D {
  const tf = tensorflow();
  return tf.tidy(() => {
    const grid: Tensor4D = tf.reshape(x, [-1, gridSide, gridSide, x.shape[1]]);
    const largest = pool === 1 ? grid : tf.maxPool(grid, pool, pool, 'valid');
    return tf.mean<Tensor>(largest, [1, 2]) as Tensor2D;
  });
}

/**
 * Reduces spectral tokens to one value each: the mean over the outputs of a layer without a bias.
 *
 * @returns `[windows, tokens]`
 */
function spectralValues(x: Tensor2D, weights: Weights, { spectralTokens }: HyperSigmaSize): Tensor2D {
  const tf = tensorflow();
  return tf.tidy(() => {
    const mean = tf.reshape(tf.mean<Tensor>(weights.get('spectral.reduce.weight'), 0), [-1, 1]) as Tensor2D;
    return tf.reshape(tf.matMul(x, mean), [-1, spectralTokens]) as Tensor2D;
  });
}
