/**
 * Classification head in training: a linear layer on features standardised to mean 0 and standard deviation 1, so that
 * one learning rate suits all features.
 */
import type { NamedTensor } from '@hyperswap/safetensors';
import {
  makeVariable,
  tensorflow,
  type MethodContext,
  type Scalar,
  type Tensor,
  type Tensor2D,
  type Variable,
} from '@hyperswap/tensor';
import { fitDiscriminant } from './discriminant.js';

/** Mean and standard deviation of each feature over the training patches, `[width]`. */
export interface FeatureSpread {
  readonly mean: Tensor;
  readonly deviation: Tensor;
}

/** Computes the spread of features; a feature that is the same for all patches is left unchanged. */
export function featureSpread(all: Tensor2D): FeatureSpread {
  const tf = tensorflow();
  const [mean, deviation] = tf.tidy(() => {
    const { mean: center, variance } = tf.moments(all, 0);
    return [center, tf.sqrt(tf.where(tf.greater(variance, 1e-8), variance, tf.onesLike(variance)))] as [Tensor, Tensor];
  });
  return { mean, deviation };
}

export interface Head {
  /** `[classes, width]` */
  readonly weight: Variable;
  /** `[classes]` */
  readonly bias: Variable;
  readonly spread: FeatureSpread;
}

/** Creates a head that gives every class the same logit; it owns the spread from now on. */
export function makeHead(classes: number, width: number, spread: FeatureSpread): Head {
  return {
    weight: makeVariable('head.weight', { shape: [classes, width], values: new Float32Array(classes * width) }),
    bias: makeVariable('head.bias', { shape: [classes], values: new Float32Array(classes) }),
    spread,
  };
}

/**
 * Fits a head on all features at once, by a discriminant analysis. A class counts by its weight times its pixels.
 *
 * @param labels from 0
 * @returns the loss, cross-entropy
 * @throws CANCELLED
 */
export async function setDiscriminant(
  { weight, bias, spread }: Head,
  features: Tensor2D,
  labels: Uint8Array,
  weights: Float32Array,
  context: MethodContext,
): Promise<number> {
  const tf = tensorflow();
  const standardised = tf.tidy(() => tf.div(tf.sub(features, spread.mean), spread.deviation) as Tensor2D);
  try {
    const fitted = await fitDiscriminant(standardised, labels, bias.size, context);
    tf.tidy(() => {
      weight.assign(tf.tensor(fitted.weight, weight.shape));
      bias.assign(
        tf.tensor(
          fitted.bias.map((value, label) => value + Math.log(weights[label]!)),
          bias.shape,
        ),
      );
    });
    const loss = tf.tidy(() =>
      crossEntropy(logitsOf({ weight, bias, spread }, features), Int32Array.from(labels), 0, weights).dataSync(),
    );
    return loss[0]!;
  } finally {
    standardised.dispose();
  }
}

/** Computes logits. @param features `[patches, width]` @returns `[patches, classes]` */
export function logitsOf({ weight, bias, spread }: Head, features: Tensor2D): Tensor2D {
  const tf = tensorflow();
  const standardised = tf.div(tf.sub(features, spread.mean), spread.deviation) as Tensor2D;
  return tf.add(tf.matMul(standardised, weight as unknown as Tensor2D, false, true), bias);
}

/** Converts to a head on plain features: W / σ and b − W · μ / σ. */
export function foldHead({ weight, bias, spread }: Head): { headWeight: NamedTensor; headBias: NamedTensor } {
  const tf = tensorflow();
  const [foldedWeight, foldedBias] = tf.tidy(() => {
    const scaled = tf.div(weight, spread.deviation) as Tensor2D;
    return [scaled, tf.sub(bias, tf.sum(tf.mul(scaled, spread.mean), 1))] as [Tensor, Tensor];
  });
  const head = { headWeight: download(foldedWeight), headBias: download(foldedBias) };
  tf.dispose([foldedWeight, foldedBias]);
  return head;
}

export function disposeHead({ weight, bias, spread }: Head): void {
  tensorflow().dispose([weight, bias, spread.mean, spread.deviation]);
}

export function download(tensor: Tensor): NamedTensor {
  return { shape: tensor.shape, values: tensor.dataSync() as Float32Array };
}

/**
 * Computes the cross-entropy with smoothed labels, the class-weighted mean over patches.
 *
 * @param logits `[patches, classes]`
 * @param labels from 0
 * @param weights of the classes
 * @param total weight of all patches, if these are a part of them
 */
export function crossEntropy(
  logits: Tensor2D,
  labels: Int32Array,
  smoothing: number,
  weights: Float32Array,
  total = totalWeight(labels, weights),
): Scalar {
  const tf = tensorflow();
  const classes = logits.shape[1];
  const target = tf.oneHot(tf.tensor1d(labels, 'int32'), classes);
  const smoothed = tf.add(tf.mul(target, 1 - smoothing), smoothing / classes);
  const losses = tf.neg(tf.sum(tf.mul(smoothed, tf.logSoftmax(logits)), 1));
  const weight = tf.tensor1d(Float32Array.from(labels, (label) => weights[label]!));
  return tf.div(tf.sum(tf.mul(losses, weight)), total);
}

/** Returns the total weight of patches. @param labels from 0 @param weights of the classes */
export function totalWeight(labels: Int32Array, weights: Float32Array): number {
  return labels.reduce((sum, label) => sum + weights[label]!, 0);
}

/**
 * Returns the weights of the classes: all 1, or inverse to the number of patches, so that every class counts the same.
 */
export function classWeights(choice: 'none' | 'balanced', counts: readonly number[]): Float32Array {
  const present = counts.filter((count) => count > 0);
  const total = present.reduce((sum, count) => sum + count, 0);
  return Float32Array.from(counts, (count) =>
    choice === 'balanced' && count > 0 ? total / (present.length * count) : 1,
  );
}
