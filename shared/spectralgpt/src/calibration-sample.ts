import { borrow, deviceScope, identity, keepOnDevice, release, type DeviceTensor } from '@hyperswap/tensor';
import { blockMeans } from './block.js';
import { calibrationPatches, calibrationPixels } from './calibration.js';
import { tokenCount, type BackboneConfig } from './config.js';
import { embed } from './embedding.js';
import { layerNames, viewLayer, type BlockLayers, type FoldedLayer, type LayerName } from './folding.js';
import type { Weights } from './weights.js';

/** Random patches on their way through the blocks of a backbone in float32. Each block tells what its layers see. */
export class CalibrationSample {
  private state: DeviceTensor;

  /** @param weights of the embedding */
  constructor(
    private readonly config: BackboneConfig,
    weights: Weights,
  ) {
    const pixels = calibrationPixels(config);
    const embedded = embed(pixels, config, weights);
    [this.state] = deviceScope(() => keepOnDevice(identity(borrow(embedded))));
    pixels.dispose();
    embedded.dispose();
  }

  /**
   * Passes the next block.
   *
   * @returns the mean input of each layer by token, `[tokens, in]`; query, key and value share one. They belong to the
   *   caller.
   */
  pass(folded: Readonly<Record<LayerName, FoldedLayer>>): Readonly<Record<LayerName, DeviceTensor>> {
    const { width, heads } = this.config;
    const shape = { patches: calibrationPatches, tokens: tokenCount(this.config), width, heads };
    const layers = Object.fromEntries(layerNames.map((name) => [name, viewLayer(folded[name])])) as BlockLayers;
    const found: Readonly<Record<LayerName, DeviceTensor>>[] = [];
    deviceScope(() => {
      const { output, means } = blockMeans(this.state, shape, layers);
      keepOnDevice(output, ...new Set(Object.values(means)));
      release(this.state);
      this.state = output;
      found.push(means);
    });
    return found[0]!;
  }

  dispose(): void {
    release(this.state);
  }
}
