/** From token pixels to what the head sees: embedding, blocks, pooling. */
import { tensorflow, type Tensor, type Tensor2D, type Tensor3D } from '@hyperswap/tensor';
import { layerNormEpsilon } from './block.js';
import { tokenCount, type BackboneConfig } from './config.js';
import { encode, encodeLearning, type BlockStack } from './encoder.js';
import type { BlockLayers } from './folding.js';
import type { ResidentBackbone } from './resident.js';
import { positions, type Weights } from './weights.js';

/** Some of the tokens of each patch, as pretraining shows them to the encoder. */
export interface VisibleTokens {
  /** Visible tokens a patch. */
  readonly visible: number;
  /** Rows of `[patches · tokens]` that are visible, patch after patch. */
  readonly visibleRows: Int32Array;
}

/** The encoder's blocks. */
export function encoderStack({ width, depth, heads }: BackboneConfig): BlockStack {
  return { prefix: 'blocks', width, depth, heads };
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

/** LayerNorm over the last axis, with a gradient by tfjs. @param name as `norm` */
export function layerNorm(x: Tensor2D, weights: Weights, name: string): Tensor2D {
  const tf = tensorflow();
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const factors = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), layerNormEpsilon));
  return tf.add(tf.mul(tf.mul(centred, factors), weights.get(`${name}.weight`)), weights.get(`${name}.bias`));
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

/**
 * Pooled, normalised features of patches, by a frozen backbone.
 *
 * @param pixels `[patches · tokens, tokenValues]`
 * @param blocks the backbone's, or those of a binding
 * @returns `[patches, width]`
 */
export function features(
  pixels: Tensor2D,
  { backbone: { config }, weights, blocks }: ResidentBackbone,
  replaced: readonly BlockLayers[] = blocks,
): Tensor2D {
  const tokens = tokenCount(config);
  return tensorflow().tidy(() => {
    const encoded = encode(embed(pixels, config, weights), tokens, config, replaced);
    return pool(encoded, tokens, config, weights);
  });
}

export interface LearningOptions {
  /** Parameters that learn, or are made from something that learns, by name; the rest is the backbone's. */
  readonly learned: ReadonlyMap<string, Tensor>;
  /** Which tokens to use; without it all. */
  readonly shown?: VisibleTokens;
}

/**
 * The same with a gradient, to be called in a device scope that lasts until the gradient was taken.
 *
 * @param pixels `[patches · tokens, tokenValues]`
 * @returns `[patches, width]`
 */
export function learningFeatures(
  pixels: Tensor2D,
  { backbone: { config }, weights: frozen, blocks, precision }: ResidentBackbone,
  { learned, shown }: LearningOptions,
): Tensor2D {
  const tokens = shown?.visible ?? tokenCount(config);
  const weights = frozen.replacing(learned);
  const names = new Set(learned.keys());
  const inputLearns = [...names].some((name) => name.startsWith('patch_embed.') || name.startsWith('pos_embed'));
  return tensorflow().tidy(() => {
    const stack = encoderStack(config);
    const tokensPlaced = embed(pixels, config, weights, shown);
    const parts = { stack, precision, weights, partly: { frozen: blocks, learned: names }, inputLearns };
    return pool(encodeLearning(tokensPlaced, tokens, parts), tokens, config, weights);
  });
}
