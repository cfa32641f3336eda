import { tokenCount, type BackboneConfig } from '@hyperswap/spectralgpt';

const largest = 128;
/** Below it, products are too thin to be fast. */
const smallest = 8;
/** Of one batch on a processor: a quarter of a second on 2 cores. What is asked meanwhile, a swap too, waits for so long. */
const batchFlops = 50e9;

/** Patches of one batch. @param device of the engine */
export function suitableBatch(config: BackboneConfig, device: 'cpu' | 'gpu'): number {
  if (device === 'gpu') return largest;
  const { width, depth, mlpRatio } = config;
  // Multiplications and additions of the blocks' layers: q, k, v, proj, and the perceptron's two.
  const patchFlops = 2 * tokenCount(config) * depth * (4 + 2 * mlpRatio) * width ** 2;
  return Math.min(largest, Math.max(smallest, Math.floor(batchFlops / patchFlops)));
}
