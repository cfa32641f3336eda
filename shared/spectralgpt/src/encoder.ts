import { tensorflow, type Tensor2D, type Tensor3D } from '@hyperswap/tensor';
import { tokenCount, type BackboneConfig } from './config.js';
import { layerNorm, transformerBlock, type ProjectionUpdate } from './layers.js';
import { positions, type Weights } from './weights.js';

/**
 * Tokens of whole patches, with their positions.
 *
 * @param pixels `[patches · tokens, tokenValues]`, as `tokenPixels` makes them
 * @returns `[patches · tokens, width]`
 */
export function embed(pixels: Tensor2D, config: BackboneConfig, weights: Weights): Tensor2D {
  const tf = tensorflow();
  const tokens = tokenCount(config);
  return tf.tidy(() => {
    const projected = project(pixels, config, weights);
    const placed = tf.add(tf.reshape(projected, [-1, tokens, config.width]), positions(config, weights));
    return tf.reshape(placed, [-1, config.width]);
  });
}

/** The release's Conv3d with kernel = stride, as one product: `[rows, tokenValues]` to `[rows, width]`. */
export function project(pixels: Tensor2D, config: BackboneConfig, weights: Weights): Tensor2D {
  const tf = tensorflow();
  const kernel = tf.reshape(weights.get('patch_embed.proj.weight'), [config.width, -1]) as Tensor2D;
  return tf.add(tf.matMul(pixels, kernel, false, true), weights.get('patch_embed.proj.bias'));
}

/**
 * The transformer blocks.
 *
 * @param x `[patches · tokens, width]`, also the result's shape
 * @param tokens tokens a patch; fewer than all in pretraining
 */
export function encode(
  x: Tensor2D,
  tokens: number,
  config: BackboneConfig,
  weights: Weights,
  update?: ProjectionUpdate,
): Tensor2D {
  const shape = { patches: x.shape[0] / tokens, tokens, width: config.width, heads: config.heads };
  let state = x;
  for (let block = 0; block < config.depth; block++) {
    const updateOfBlock = update && ((projection: 'q' | 'v', input: Tensor2D) => update(block, projection, input));
    const next = transformerBlock(state, shape, weights, `blocks.${block}`, updateOfBlock);
    // Freed at once, so that memory stays that of two states; a gradient keeps what it needs on its own tape.
    if (state !== x) state.dispose();
    state = next;
  }
  return state;
}

/**
 * What the head sees: the mean over tokens, normalised.
 *
 * @param x `[patches · tokens, width]`
 * @returns `[patches, width]`
 */
export function pool(x: Tensor2D, config: BackboneConfig, weights: Weights): Tensor2D {
  const tf = tensorflow();
  const tokens = tokenCount(config);
  return tf.tidy(() => {
    const grid = tf.reshape(x, [-1, tokens, config.width]) as Tensor3D;
    const used = config.pooling === 'all' ? grid : tf.slice(grid, [0, 1, 0], [-1, tokens - 1, -1]);
    return layerNorm(tf.mean(used, 1) as Tensor2D, weights, 'norm');
  });
}

/**
 * Pooled, normalised features of patches.
 *
 * @param pixels `[patches · tokens, tokenValues]`
 * @returns `[patches, width]`
 */
export function features(
  pixels: Tensor2D,
  config: BackboneConfig,
  weights: Weights,
  update?: ProjectionUpdate,
): Tensor2D {
  return tensorflow().tidy(() =>
    pool(encode(embed(pixels, config, weights), tokenCount(config), config, weights, update), config, weights),
  );
}
