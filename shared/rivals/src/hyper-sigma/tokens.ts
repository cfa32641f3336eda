/** Tokens of windows for both encoders, with tfjs ops, so that a gradient reaches the embeddings. */
import { linearLayer, type Weights } from '@hyperswap/spectralgpt';
import { tensorflow, type Tensor2D, type Tensor3D, type Tensor4D } from '@hyperswap/tensor';
import { gridSide, spatialTokens, tokenSide, type HyperSigmaSize } from './size.js';

/**
 * Embeds squares of pixels.
 *
 * @param windows `[windows, side, side, components]`
 * @returns `[windows · tokens, width]`
 */
export function spatialInput(windows: Tensor4D, weights: Weights): Tensor2D {
  const tf = tensorflow();
  return tf.tidy(() => {
    const [count, , , components] = windows.shape;
    const read = gridSide * tokenSide;
    const squares = tf.slice(windows, [0, 0, 0, 0], [count, read, read, components]);
    const split = tf.reshape(squares, [count * gridSide, tokenSide, gridSide, tokenSide, components]);
    const pixels = tf.reshape(tf.transpose(split, [0, 2, 4, 1, 3]), [-1, components * tokenSide ** 2]) as Tensor2D;
    return placed(linearLayer(pixels, weights, 'spatial.embed'), spatialTokens, weights, 'spatial');
  });
}

/**
 * Embeds components: each is a vector of all pixels, and a token is the mean of the components that its part of the
 * axis touches. The mean is taken after the embedding, which is linear.
 *
 * @param windows `[windows, side, side, components]`
 * @returns `[windows · tokens, width]`
 */
export function spectralInput(
  windows: Tensor4D,
  weights: Weights,
  { width, spectralTokens }: HyperSigmaSize,
): Tensor2D {
  const tf = tensorflow();
  return tf.tidy(() => {
    const [count, side, , components] = windows.shape;
    const bands = tf.reshape(tf.transpose(windows, [0, 3, 1, 2]), [count * components, side ** 2]) as Tensor2D;
    const embedded = tf.reshape(linearLayer(bands, weights, 'spectral.embed'), [count, components, width]) as Tensor3D;
    const means = tf.tile(tf.tensor3d(adaptiveMeans(components, spectralTokens), [1, spectralTokens, components]), [
      count,
      1,
      1,
    ]);
    const tokens = tf.reshape(tf.matMul(means, embedded), [count * spectralTokens, width]) as Tensor2D;
    return placed(tokens, spectralTokens, weights, 'spectral');
  });
}

/** Adds the positions. */
function placed(x: Tensor2D, tokens: number, weights: Weights, encoder: string): Tensor2D {
  const tf = tensorflow();
  const split = tf.reshape(x, [-1, tokens, x.shape[1]]);
  return tf.reshape(tf.add(split, weights.get(`${encoder}.positions`)), x.shape);
}

/**
 * Returns the weights of adaptive average pooling, `[to, from]`: output i is the mean of inputs ⌊i · from / to⌋ … ⌈(i +
 * 1) · from / to⌉, the last one excluded, as `torch.nn.AdaptiveAvgPool1d`.
 */
function adaptiveMeans(from: number, to: number): Float32Array {
  const weights = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    const first = Math.floor((i * from) / to);
    const end = Math.ceil(((i + 1) * from) / to);
    weights.fill(1 / (end - first), i * from + first, i * from + end);
  }
  return weights;
}
