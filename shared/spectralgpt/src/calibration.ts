/** Random patches that represent any scene, to measure the typical inputs of a backbone's layers. */
import { Random } from '@hyperswap/random';
import { tensorflow, type Tensor2D } from '@hyperswap/tensor';
import type { BackboneConfig } from './config.js';
import { resizeMatrix, tokenPixels } from './token-pixels.js';

/** Patches of the sample. More change the means by less than their quantised remainder. */
export const calibrationPatches = 16;

/**
 * Layers of a patch, from smooth to fine: samples a side, and the deviation of each layer. Standardised components of
 * scenes vary little inside a patch and much between patches.
 */
const texture = [
  { side: 1, deviation: 1 },
  { side: 3, deviation: 0.5 },
  { side: 15, deviation: 0.3 },
] as const;

/**
 * Returns the token pixels of random patches, the same in every process.
 *
 * @returns `[calibrationPatches · tokens, tokenValues]`
 */
export function calibrationPixels(config: BackboneConfig): Tensor2D {
  const tf = tensorflow();
  const random = new Random(1);
  return tf.tidy(() => {
    const layers = texture.map(({ side, deviation }) => {
      const count = calibrationPatches * side ** 2;
      const values = random.normals(config.components * count, deviation);
      return tokenPixels(tf.tensor2d(values, [config.components, count]), resizeMatrix(side, config), config);
    });
    return tf.addN(layers);
  });
}
