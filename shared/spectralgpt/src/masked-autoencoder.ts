/**
 * Masked-autoencoder pretraining of SpectralGPT. Most tokens are hidden, the encoder sees the rest, and a small decoder
 * reconstructs all of them (Hong et al. 2024, arXiv:2311.07113, section III).
 */
import { Random } from '@hyperswap/random';
import { tensorflow, type FloatPrecision, type Scalar, type Tensor2D, type Tensor3D } from '@hyperswap/tensor';
import { z } from 'zod';
import { componentGroups, tokenCount, tokensPerSide, tokenValues, type BackboneConfig } from './config.js';
import { encodeLearning } from './encoder.js';
import { embed, encoderStack, type VisibleTokens } from './embedding.js';
import { layerNorm, linearLayer } from './outer-layers.js';
import { blockShapes, type ParameterShapes } from './parameters.js';
import { positions, type Weights } from './weights.js';

export const decoderConfigSchema = z
  .object({
    width: z.number().int().positive(),
    depth: z.number().int().positive(),
    heads: z.number().int().positive(),
  })
  .strict();

export type DecoderConfig = Readonly<z.infer<typeof decoderConfigSchema>>;

/**
 * Shapes of the decoder's parameters, which pretraining needs in addition to the encoder's. They are not part of a
 * backbone.
 */
export function decoderShapes(config: BackboneConfig, decoder: DecoderConfig): ParameterShapes {
  const { width, depth } = decoder;
  return new Map<string, readonly number[]>([
    ['decoder_embed.weight', [width, config.width]],
    ['decoder_embed.bias', [width]],
    ['mask_token', [1, width]],
    ['decoder_pos_embed_spatial', [1, tokensPerSide(config) ** 2, width]],
    ['decoder_pos_embed_temporal', [1, componentGroups(config), width]],
    ...Array.from({ length: depth }, (_, block) =>
      blockShapes(`decoder_blocks.${block}`, width, config.mlpRatio * width),
    ).flat(),
    ['decoder_norm.weight', [width]],
    ['decoder_norm.bias', [width]],
    ['decoder_pred.weight', [tokenValues(config), width]],
    ['decoder_pred.bias', [tokenValues(config)]],
  ]);
}

/** Tokens of each patch that the encoder sees. */
export interface TokenMask extends VisibleTokens {
  /**
   * Row of each of the `[patches · tokens]` tokens among the visible ones; hidden tokens refer to the row after them,
   * the mask token.
   */
  readonly restore: Int32Array;
  /** 1 for hidden rows, 0 for visible ones. */
  readonly hidden: Float32Array;
}

/** Hides a share of the tokens of each patch, at random. */
export function randomMask(patches: number, tokens: number, hiddenShare: number, random: Random): TokenMask {
  const visible = Math.max(1, Math.round(tokens * (1 - hiddenShare)));
  const visibleRows = new Int32Array(patches * visible);
  const restore = new Int32Array(patches * tokens).fill(patches * visible);
  const hidden = new Float32Array(patches * tokens).fill(1);
  const order = Int32Array.from({ length: tokens }, (_, token) => token);
  for (let patch = 0; patch < patches; patch++) {
    random.shuffle(order);
    for (let i = 0; i < visible; i++) {
      const row = patch * tokens + order[i]!;
      visibleRows[patch * visible + i] = row;
      restore[row] = patch * visible + i;
      hidden[row] = 0;
    }
  }
  return { visible, visibleRows, restore, hidden };
}

/**
 * Computes the sum of the release's two losses: the mean squared error over the values of hidden tokens, and that over
 * the component-summed image at every position. The latter is divided by the number of components so that both have the
 * same weight.
 *
 * @param pixels `[patches · tokens, tokenValues]`
 * @param weights of encoder and decoder, all of which learn
 */
export function reconstructionLoss(
  pixels: Tensor2D,
  mask: TokenMask,
  config: BackboneConfig,
  decoder: DecoderConfig,
  weights: Weights,
  precision: FloatPrecision = 'float32',
): Scalar {
  const tf = tensorflow();
  return tf.tidy(() => {
    const prediction = reconstruct(pixels, mask, config, decoder, weights, precision);
    const difference = tf.sub(prediction, pixels);
    const perToken = tf.mean(tf.square(difference), 1);
    const hidden = tf.tensor1d(mask.hidden);
    const masked = tf.div(tf.sum(tf.mul(perToken, hidden)), tf.sum(hidden));
    const { tokenComponents, tokenSize } = config;
    const groups = componentGroups(config);
    const split = tf.reshape(difference, [-1, groups, tokensPerSide(config) ** 2, tokenComponents, tokenSize ** 2]);
    const summed = tf.div(tf.mean(tf.square(tf.sum(split, [1, 3]))), config.components);
    return tf.add(masked, summed) as Scalar;
  });
}

/**
 * Reconstructs the image of all tokens, `[patches · tokens, tokenValues]`; only visible tokens pass through the
 * encoder.
 */
function reconstruct(
  pixels: Tensor2D,
  mask: TokenMask,
  config: BackboneConfig,
  decoder: DecoderConfig,
  weights: Weights,
  precision: FloatPrecision,
): Tensor2D {
  const tf = tensorflow();
  const tokens = tokenCount(config);
  const learning = { precision, weights, inputLearns: true };
  const placed = embed(pixels, config, weights, mask);
  const encoded = encodeLearning(placed, mask.visible, { ...learning, stack: encoderStack(config) });
  const narrowed = linearLayer(layerNorm(encoded, weights, 'norm'), weights, 'decoder_embed');
  const withMaskToken = tf.concat([narrowed, weights.get('mask_token') as Tensor2D], 0);
  const restored = tf.gather(withMaskToken, tf.tensor1d(mask.restore, 'int32'));
  const grid = tf.reshape(restored, [-1, tokens, decoder.width]) as Tensor3D;
  const state = tf.reshape(tf.add(grid, positions(config, weights, 'decoder_')), [-1, decoder.width]) as Tensor2D;
  const decoded = encodeLearning(state, tokens, { ...learning, stack: { prefix: 'decoder_blocks', ...decoder } });
  return linearLayer(layerNorm(decoded, weights, 'decoder_norm'), weights, 'decoder_pred');
}
