/** Random augmentation of training patches, computed on the device from indices and a few numbers. */
import { orientationCount, orientedOffsets } from '@hyperswap/scene';
import { gatherPatches } from '@hyperswap/spectralgpt';
import { tensorflow, type Tensor2D } from '@hyperswap/tensor';
import { type Random } from '@hyperswap/random';
import type { UploadedPatches } from './upload-patches.js';

export interface AugmentationSettings {
  /** Rotates and mirrors patches: eight orientations. */
  readonly orientations: boolean;
  /**
   * Maximum shift of a patch from its pixel, in pixels, each way. Neighbours of a labelled pixel mostly have its class.
   */
  readonly shift: number;
  /** Radiation noise: standard deviation of a patch's gain around 1. */
  readonly gain: number;
  /** Standard deviation of the Gaussian noise on every value, in standard deviations of its component. */
  readonly noise: number;
  /** Mixture noise: share of the patches that are mixed with another one of their class. */
  readonly mixture: number;
}

export interface TrainingPatches extends UploadedPatches {
  /** Class of each patch, from 0. */
  readonly labels: Uint8Array;
  /** Patches of each class. */
  readonly byClass: readonly (readonly number[])[];
}

/**
 * Returns a batch of augmented patches.
 *
 * @returns `[components, chosen · patchSize²]`
 */
export function augmentedBatch(
  patches: TrainingPatches,
  chosen: Int32Array,
  settings: AugmentationSettings,
  random: Random,
): Tensor2D {
  const tf = tensorflow();
  const { pixels, patchSize, labels, byClass } = patches;
  const area = patchSize ** 2;
  const count = chosen.length;
  const components = pixels.shape[0];
  const indices = (some: Int32Array): Int32Array =>
    indicesOf(patches, some, () => (settings.orientations ? random.integer(orientationCount) : 0), random);
  const partners = chosen.map((patch) => {
    const candidates = byClass[labels[patch]!]!;
    return candidates[random.integer(candidates.length)]!;
  });
  const shares = Float32Array.from({ length: count }, () =>
    random.uniform() < settings.mixture ? 0.5 * random.uniform() : 0,
  );
  const gains = Float32Array.from({ length: count }, () => 1 + settings.gain * random.normal());
  return tf.tidy(() => {
    const shape: [number, number, number] = [components, count, area];
    const plain = tf.reshape(gatherPatches(pixels, indices(chosen)), shape);
    const others = tf.reshape(gatherPatches(pixels, indices(partners)), shape);
    const mixed = tf.add(plain, tf.mul(tf.sub(others, plain), tf.tensor3d(shares, [1, count, 1])));
    const scaled = tf.mul(mixed, tf.tensor3d(gains, [1, count, 1]));
    const noisy =
      settings.noise > 0
        ? tf.add(scaled, tf.tensor3d(random.normals(components * count * area, settings.noise), shape))
        : scaled;
    return tf.reshape(noisy, [components, count * area]) as Tensor2D;
  });
}

/**
 * Returns patches in one orientation.
 *
 * @param random shifts each patch within the margin; without it patches are centred on their pixels
 */
export function orientedBatch(
  patches: UploadedPatches,
  chosen: Int32Array,
  orientation: number,
  random?: Random,
): Tensor2D {
  return gatherPatches(
    patches.pixels,
    indicesOf(patches, chosen, () => orientation, random),
  );
}

/** Returns the indices of the chosen patches' pixels, patch by patch. */
function indicesOf(
  { patchSize, margin }: UploadedPatches,
  chosen: Int32Array,
  orientation: () => number,
  random: Random | undefined,
): Int32Array {
  const area = patchSize ** 2;
  const side = patchSize + 2 * margin;
  const shifted = (): number => (random === undefined || margin === 0 ? margin : random.integer(2 * margin + 1));
  const indices = new Int32Array(chosen.length * area);
  chosen.forEach((patch, i) => {
    const offsets = orientedOffsets(patchSize, orientation(), { row: shifted(), column: shifted(), side });
    indices.set(
      offsets.map((offset) => patch * side ** 2 + offset),
      i * area,
    );
  });
  return indices;
}
