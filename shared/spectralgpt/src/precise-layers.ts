import type { DeviceLinear } from '@hyperswap/tensor';
import { foldLayer, keepLayer, releaseLayer, type AnyLayer } from './folding.js';
import type { Weights } from './weights.js';

/**
 * Folded layers in float32, into which updates are merged. Each is created at first use and kept, so that neither a
 * swap nor a training step folds it again.
 */
export class PreciseLayers {
  private readonly layers = new Map<string, DeviceLinear>();

  /**
   * @param weights with the float32 values of the layers
   * @param headWidth width of an attention head
   */
  constructor(
    private readonly weights: Weights,
    private readonly headWidth: number,
  ) {}

  /** Returns a layer. @param block name such as `blocks.3` @throws INTERNAL for a layer that adapters do not change */
  get(block: string, layer: AnyLayer): DeviceLinear {
    const key = `${block}.${layer}`;
    const known = this.layers.get(key);
    if (known !== undefined) return known;
    const kept = keepLayer(foldLayer(this.weights, block, layer, this.headWidth), 'float32');
    this.layers.set(key, kept);
    return kept;
  }

  dispose(): void {
    for (const layer of this.layers.values()) releaseLayer(layer);
    this.layers.clear();
  }
}
