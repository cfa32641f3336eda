/** Embedding of token pixels into tokens. */
import { tensorflow, type Tensor2D } from '@hyperswap/tensor';
import { tokenCount, type BackboneConfig } from './config.js';
import type { BlockStack } from './encoder.js';
import { positions, type Weights } from './weights.js';

/** Visible tokens of each patch, as in pretraining. */
export interface VisibleTokens {
  /** Visible tokens a patch. */
  readonly visible: number;
  /** Rows of `[patches · tokens]` that are visible, patch after patch. */
  readonly visibleRows: Int32Array;
  /** Number of leading tokens of each group that lie around the middle; set by `randomTokens`. */
  readonly middle?: number;
}

/** The encoder's blocks. */
export function encoderStack({ width, depth, heads }: BackboneConfig): BlockStack {
  return { prefix: 'blocks', width, depth, heads };
}

/**
 * Embeds tokens and adds their positions.
 *
 * @param pixels `[patches · tokens, tokenValues]`, as `tokenPixels` makes them
 * @param shown tokens to embed; all by default
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
