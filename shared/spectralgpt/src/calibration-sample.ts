import {
  borrow,
  deviceScope,
  finish,
  handOver,
  identity,
  keepOnDevice,
  release,
  type DeviceTensor,
  type Tensor2D,
} from '@hyperswap/tensor';
import { blockMeans } from './block.js';
import { calibrationPatches, calibrationPixels } from './calibration.js';
import { tokenCount, type BackboneConfig } from './config.js';
import { embed } from './embedding.js';
import { encode } from './encoder.js';
import { layerNames, viewLayer, type BlockLayers, type FoldedLayer, type LayerName } from './folding.js';
import { pool } from './pooling.js';
import type { Weights } from './weights.js';

/** Random patches that pass the blocks of a backbone in float32. Each block returns the inputs of its layers. */
export class CalibrationSample {
  private readonly embedded: Tensor2D;
  private state: DeviceTensor;

  /** @param weights of the embedding and of the last norm */
  constructor(
    private readonly config: BackboneConfig,
    private readonly weights: Weights,
  ) {
    const pixels = calibrationPixels(config);
    this.embedded = embed(pixels, config, weights);
    [this.state] = deviceScope(() => keepOnDevice(identity(borrow(this.embedded))));
    pixels.dispose();
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

  /**
   * Compares the features by quantised blocks with those of the passed float32 blocks.
   *
   * @param blocks all of them
   * @returns root mean square error as a share of the features' deviation from patch to patch
   */
  errorOf(blocks: readonly BlockLayers[]): number {
    const { config, weights, embedded } = this;
    const featuresOf = (encoded: Tensor2D): Float32Array => {
      const pooled = pool(encoded, config, weights);
      const values = pooled.dataSync() as Float32Array;
      pooled.dispose();
      encoded.dispose();
      return values;
    };
    const [copy] = deviceScope(() => keepOnDevice(identity(this.state)));
    const exact = featuresOf(handOver(copy) as Tensor2D);
    return relativeError(featuresOf(finish(encode(embedded, tokenCount(config), config, blocks))), exact, config.width);
  }

  dispose(): void {
    this.embedded.dispose();
    release(this.state);
  }
}

/**
 * Returns the root mean square error of rows, as a share of the root mean square deviation of the exact ones from their
 * mean.
 */
function relativeError(rows: Float32Array, exact: Float32Array, width: number): number {
  const mean = new Float64Array(width);
  exact.forEach((value, place) => (mean[place % width]! += (value * width) / exact.length));
  let [error, deviation] = [0, 0];
  exact.forEach((value, place) => {
    error += (rows[place]! - value) ** 2;
    deviation += (value - mean[place % width]!) ** 2;
  });
  return Math.sqrt(error / deviation);
}
