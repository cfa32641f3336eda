import { tensorflow, type Tensor2D } from '@hyperswap/tensor';
import type { Normalizer } from '../normalizer.js';

/** Patches on the device. */
export interface UploadedPatches {
  /** `[components, patches · (patchSize + 2 · margin)²]`, normalised. */
  readonly pixels: Tensor2D;
  readonly patchSize: number;
  /** Extra pixels around each patch, for shifts. */
  readonly margin: number;
}

/** Uploads and normalises patches. @param scores `[patches, side, side, components]` */
export function uploadPatches(
  scores: Float32Array,
  { mean, deviation }: Normalizer,
  { patchSize, margin }: Omit<UploadedPatches, 'pixels'>,
): UploadedPatches {
  const tf = tensorflow();
  const pixels = tf.tidy(() => {
    const rows = tf.tensor2d(scores, [scores.length / mean.length, mean.length]);
    const centred = tf.sub(rows, tf.tensor1d(mean));
    return tf.transpose(tf.div(centred, tf.tensor1d(deviation)) as Tensor2D);
  });
  return { pixels, patchSize, margin };
}

/** Returns the number of patches. */
export function countOf({ pixels, patchSize, margin }: UploadedPatches): number {
  return pixels.shape[1] / (patchSize + 2 * margin) ** 2;
}
