/** Frozen encoders, made block by block, so that at most one block has a float32 copy at a time. */
import { foldLayer, keepLayer, layersOf, releaseLayer, Weights, type BlockLayers } from '@hyperswap/spectralgpt';
import { chooseKernels, type DeviceLinear, type FloatPrecision, type MethodContext } from '@hyperswap/tensor';
import { throwIfAborted } from '@hyperswap/errors';
import type { FrozenEncoders } from './features.js';
import { blockShapes, depthOf, encoderShapes, type Encoder } from './parameters.js';
import type { HyperSigmaSize } from './size.js';

/** Encoders that own what they hold. */
export interface OwnedEncoders extends FrozenEncoders {
  readonly precision: FloatPrecision;
  dispose(): void;
}

const encoders = ['spatial', 'spectral'] as const;

/**
 * Uploads both encoders.
 *
 * @param valuesOf a parameter, by its name
 * @param report is called after each block
 * @throws CANCELLED
 */
export async function uploadEncoders(
  size: HyperSigmaSize,
  valuesOf: (name: string) => Float32Array,
  precision: FloatPrecision,
  { signal, pause }: Pick<MethodContext, 'signal' | 'pause'>,
  report: (done: number, total: number) => void,
): Promise<OwnedEncoders> {
  chooseKernels();
  const total = encoders.reduce((sum, encoder) => sum + depthOf(encoder), 0);
  const blocks: Record<Encoder, BlockLayers[]> = { spatial: [], spectral: [] };
  const upload = (shapes: Iterable<readonly [string, readonly number[]]>): Weights =>
    Weights.upload(new Map([...shapes].map(([name, shape]) => [name, { shape, values: valuesOf(name) }])));
  const all = encoders.flatMap((encoder) => [...encoderShapes(size, encoder)]);
  const weights = upload(all.filter(([name]) => !name.includes('.blocks.')));
  const dispose = (): void => {
    weights.dispose();
    for (const block of encoders.flatMap((encoder) => blocks[encoder]))
      for (const layer of Object.values(block) as DeviceLinear[]) releaseLayer(layer);
  };
  try {
    for (const encoder of encoders) {
      for (let block = 0; block < depthOf(encoder); block++) {
        throwIfAborted(signal, 'Training');
        const own = upload(blockShapes(size, encoder, block));
        const name = `${encoder}.blocks.${block}`;
        const headWidth = size.width / size.heads;
        const layers = layersOf(own, name).map(
          (layer) => [layer, keepLayer(foldLayer(own, name, layer, headWidth), precision)] as const,
        );
        own.dispose();
        blocks[encoder].push(Object.fromEntries(layers) as BlockLayers);
        report(blocks.spatial.length + blocks.spectral.length, total);
        await pause();
      }
    }
  } catch (error) {
    dispose();
    throw error;
  }
  return { size, precision, blocks, weights, dispose };
}
