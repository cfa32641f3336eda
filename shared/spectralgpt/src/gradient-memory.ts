import { tokenCount, type BackboneConfig } from './config.js';

/** Limit of the memory that forward passes save for their gradients, in bytes. */
const savedBytes = 2 ** 30;

/**
 * Returns the number of patches whose forward passes may be saved for the gradient at once: 40 on base, so that a step
 * of 64 patches needs the memory of half a step. Larger batches are passed in parts, and the gradients of the parts add
 * up to the same result.
 *
 * @param shown share of the tokens that are computed
 */
export function patchesOfGradient(config: BackboneConfig, shown = 1): number {
  const { width, depth, heads, mlpRatio } = config;
  const tokens = Math.ceil(tokenCount(config) * shown);
  // Tensors of each block in `SavedBlock`: input, query, key, value, middle and hidden, and the attention.
  const saved = depth * tokens * ((5 + mlpRatio) * width + heads * tokens);
  return Math.max(1, Math.floor(savedBytes / (Float32Array.BYTES_PER_ELEMENT * saved)));
}
