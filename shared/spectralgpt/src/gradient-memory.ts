import { tokenCount, type BackboneConfig } from './config.js';

/** Bytes of what forward passes save for their gradients at once. */
const savedBytes = 2 ** 30;

/**
 * Patches whose forward pass may be saved for its gradient at once: 40 on base, so that a step of 64 takes the memory of half of it. More are passed
 * in parts, whose gradients add up to the same.
 *
 * @param shown share of the tokens that are computed
 */
export function patchesOfGradient(config: BackboneConfig, shown = 1): number {
  const { width, depth, heads, mlpRatio } = config;
  const tokens = Math.ceil(tokenCount(config) * shown);
  // Of each block, as `SavedBlock` has it: input, query, key, value, middle and hidden, and the attention.
  const saved = depth * tokens * ((5 + mlpRatio) * width + heads * tokens);
  return Math.max(1, Math.floor(savedBytes / (Float32Array.BYTES_PER_ELEMENT * saved)));
}
