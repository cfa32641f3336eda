import { tensorflow, type Tensor2D, type Tensor3D } from '@hyperswap/tensor';
import { tokenCount, type BackboneConfig } from './config.js';
import { layerNorm, transformerBlock, type ProjectionUpdate } from './layers.js';
import { positions, type Weights } from './weights.js';

/** Some of the tokens of each patch, as pretraining shows them to the encoder. */
export interface VisibleTokens {
  /** Visible tokens a patch. */
  readonly visible: number;
  /** Rows of `[patches · tokens]` that are visible, patch after patch. */
  readonly visibleRows: Int32Array;
}

/**
 * Tokens with their positions.
 *
 * @param pixels `[patches · tokens, tokenValues]`, as `tokenPixels` makes them
 * @param shown which tokens to embed; without it all
 * @returns `[patches · tokens, width]`, or `[patches · visible, width]`
 */
export function embed(pixels: Tensor2D, config: BackboneConfig, weights: Weights, shown?: VisibleTokens): Tensor2D {
  const tf = tensorflow();
  const tokens = tokenCount(config);
  return tf.tidy(() => {
    const table = positions(config, weights);
    if (shown === undefined) {
      const projected = project(pixels, config, weights);
      const placed = tf.add(tf.reshape(projected, [-1, tokens, config.width]), table);
      return tf.reshape(placed, [-1, config.width]);
    }
    const rows = tf.tensor1d(shown.visibleRows, 'int32');
    const places = tf.tensor1d(
      shown.visibleRows.map((row) => row % tokens),
      'int32',
    );
    return tf.add(project(tf.gather(pixels, rows), config, weights), tf.gather(table, places));
  });
}

/** The release's Conv3d with kernel = stride, as one product: `[rows, tokenValues]` to `[rows, width]`. */
function project(pixels: Tensor2D, config: BackboneConfig, weights: Weights): Tensor2D {
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
 * @param tokens tokens a patch; when some are hidden, the mean is over all that are shown
 * @returns `[patches, width]`
 */
export function pool(x: Tensor2D, tokens: number, config: BackboneConfig, weights: Weights): Tensor2D {
  const tf = tensorflow();
  return tf.tidy(() => {
    const grid = tf.reshape(x, [-1, tokens, config.width]) as Tensor3D;
    const isWhole = tokens === tokenCount(config);
    const used = isWhole && config.pooling === 'skip-first' ? tf.slice(grid, [0, 1, 0], [-1, tokens - 1, -1]) : grid;
    return layerNorm(tf.mean(used, 1) as Tensor2D, weights, 'norm');
  });
}

export interface FeatureOptions {
  /** What factors in training add to the projections. */
  readonly update?: ProjectionUpdate;
  /** Which tokens to use; without it all. */
  readonly shown?: VisibleTokens;
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
  { update, shown }: FeatureOptions = {},
): Tensor2D {
  const tokens = shown?.visible ?? tokenCount(config);
  return tensorflow().tidy(() => {
    const encoded = encode(embed(pixels, config, weights, shown), tokens, config, weights, update);
    return pool(encoded, tokens, config, weights);
  });
}
