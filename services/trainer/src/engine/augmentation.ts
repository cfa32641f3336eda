/** Random variations of training patches, made on the device from indices and a few numbers. */
import { orientationCount, orientedOffsets } from '@hyperswap/scene';
import { gatherPatches } from '@hyperswap/spectralgpt';
import { tensorflow, type Random, type Tensor2D } from '@hyperswap/tensor';

export interface AugmentationSettings {
  /** Lays patches one of eight ways: quarter turns and mirror images. */
  readonly orientations: boolean;
  /** Radiation noise: deviation of a patch's gain around 1. */
  readonly gain: number;
  /** Deviation of the Gaussian noise on every value, in deviations of its component. */
  readonly noise: number;
  /** Mixture noise: share of the patches that are mixed with another one of their class. */
  readonly mixture: number;
}

export interface TrainingPatches {
  /** `[components, patches · patchSize²]`, normalised, on the device. */
  readonly pixels: Tensor2D;
  readonly patchSize: number;
  /** Class of each patch, from 0. */
  readonly labels: Uint8Array;
  /** Patches of each class. */
  readonly byClass: readonly (readonly number[])[];
}

/**
 * A batch of varied patches.
 *
 * @returns `[components, chosen · patchSize²]`
 */
export function augmentedBatch(
  { pixels, patchSize, labels, byClass }: TrainingPatches,
  chosen: Int32Array,
  settings: AugmentationSettings,
  random: Random,
): Tensor2D {
  const tf = tensorflow();
  const area = patchSize ** 2;
  const count = chosen.length;
  const components = pixels.shape[0];
  const orient = (): Int32Array =>
    orientedOffsets(patchSize, settings.orientations ? random.integer(orientationCount) : 0);
  const indices = (patches: Int32Array): Int32Array => {
    const result = new Int32Array(count * area);
    patches.forEach((patch, i) => {
      result.set(
        orient().map((offset) => patch * area + offset),
        i * area,
      );
    });
    return result;
  };
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
    const patches = tf.reshape(gatherPatches(pixels, indices(chosen)), shape);
    const others = tf.reshape(gatherPatches(pixels, indices(partners)), shape);
    const mixed = tf.add(patches, tf.mul(tf.sub(others, patches), tf.tensor3d(shares, [1, count, 1])));
    const scaled = tf.mul(mixed, tf.tensor3d(gains, [1, count, 1]));
    const noisy =
      settings.noise > 0
        ? tf.add(scaled, tf.tensor3d(random.normals(components * count * area, settings.noise), shape))
        : scaled;
    return tf.reshape(noisy, [components, count * area]) as Tensor2D;
  });
}

/** The plain patches, laid one way. */
export function orientedBatch(
  { pixels, patchSize }: TrainingPatches,
  chosen: Int32Array,
  orientation: number,
): Tensor2D {
  const area = patchSize ** 2;
  const offsets = orientedOffsets(patchSize, orientation);
  const indices = new Int32Array(chosen.length * area);
  chosen.forEach((patch, i) => {
    for (let j = 0; j < area; j++) indices[i * area + j] = patch * area + offsets[j]!;
  });
  return gatherPatches(pixels, indices);
}
