/** Layers outside the blocks, with a gradient by tfjs. */
import { tensorflow, type Tensor2D } from '@hyperswap/tensor';
import { layerNormEpsilon } from './block.js';
import type { Weights } from './weights.js';

/** LayerNorm over the last axis. @param name as `norm` */
export function layerNorm(x: Tensor2D, weights: Weights, name: string): Tensor2D {
  const tf = tensorflow();
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const factors = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), layerNormEpsilon));
  return tf.add(tf.mul(tf.mul(centred, factors), weights.get(`${name}.weight`)), weights.get(`${name}.bias`));
}

/** x · Wᵀ + b. @param name as `decoder_embed` */
export function linearLayer(x: Tensor2D, weights: Weights, name: string): Tensor2D {
  const tf = tensorflow();
  return tf.add(tf.matMul(x, weights.get(`${name}.weight`) as Tensor2D, false, true), weights.get(`${name}.bias`));
}
