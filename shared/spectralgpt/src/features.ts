/** Computation of the head's input from token pixels: embedding, blocks, pooling. */
import { failure } from '@hyperswap/errors';
import { finish, isPacked, tensorflow, type DeviceLinear, type Steps, type Tensor2D } from '@hyperswap/tensor';
import { tokenCount } from './config.js';
import { embed, encoderStack, type VisibleTokens } from './embedding.js';
import { encode, encodeLearning } from './encoder.js';
import type { AnyLayer, BlockLayers } from './folding.js';
import { pool, type Pooling } from './pooling.js';
import { preciseLayer, type ResidentBackbone } from './resident.js';
import type { ParameterChanges } from './weight-update.js';

export interface FeatureOptions {
  /** Blocks of a binding, in place of the backbone's own. */
  readonly blocks?: readonly BlockLayers[];
  /** @default 'mean' */
  readonly pooling?: Pooling;
}

/**
 * Computes pooled, normalised features of patches with a frozen backbone, one block per step.
 *
 * @param pixels `[patches · tokens, tokenValues]`
 * @returns `[patches, pooledWidth]`
 */
export function* featuresInSteps(
  pixels: Tensor2D,
  { backbone: { config }, weights, blocks: own }: ResidentBackbone,
  { blocks = own, pooling = 'mean' }: FeatureOptions = {},
): Steps<Tensor2D> {
  const embedded = embed(pixels, config, weights);
  try {
    const encoded = yield* encode(embedded, tokenCount(config), config, blocks);
    const pooled = pool(encoded, config, weights, pooling);
    encoded.dispose();
    return pooled;
  } finally {
    embedded.dispose();
  }
}

/** Computes the same features in one go. */
export function features(pixels: Tensor2D, resident: ResidentBackbone, options?: FeatureOptions): Tensor2D {
  return finish(featuresInSteps(pixels, resident, options));
}

export interface LearningOptions {
  /** Parameters that learn or are computed from learned ones; the rest are the backbone's. */
  readonly learned: ParameterChanges;
  /** Tokens to use; all by default. */
  readonly shown?: VisibleTokens;
  /** @default 'mean' */
  readonly pooling?: Pooling;
}

/**
 * Computes the features with a gradient. Call it in a device scope that stays open until the gradient was computed.
 *
 * @param pixels `[patches · tokens, tokenValues]`
 * @param resident in float32 or bfloat16
 * @returns `[patches, pooledWidth]`
 * @throws INTERNAL for a backbone of packed layers, which have no gradient
 */
export function learningFeatures(
  pixels: Tensor2D,
  resident: ResidentBackbone,
  { learned, shown, pooling = 'mean' }: LearningOptions,
): Tensor2D {
  const { backbone, blocks: frozen, precision } = resident;
  if (isPacked(precision)) throw failure('INTERNAL', { reason: 'packed layers have no gradient' });
  const { config } = backbone;
  const tokens = shown?.visible ?? tokenCount(config);
  const weights = resident.weights.replacing(learned.replaced);
  const names = new Set(learned.replaced.keys());
  const inputLearns = [...names].some((name) => name.startsWith('patch_embed.') || name.startsWith('pos_embed'));
  return tensorflow().tidy(() => {
    const stack = encoderStack(config);
    const tokensPlaced = embed(pixels, config, weights, shown);
    const precise = (block: number, layer: AnyLayer): DeviceLinear => preciseLayer(resident, block, layer);
    const partly = { frozen, precise, learned: names, updates: learned.updates };
    const parts = { stack, precision, weights, partly, inputLearns };
    return pool(encodeLearning(tokensPlaced, tokens, parts), config, weights, pooling, shown);
  });
}
