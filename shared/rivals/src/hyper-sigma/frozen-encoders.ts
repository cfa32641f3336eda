/** Frozen encoders, made block by block, so that at most one block has a float32 copy at a time. */
import { foldLayer, keepLayer, layersOf, releaseLayer, Weights, type BlockLayers } from '@hyperswap/spectralgpt';
import { chooseKernels, type DeviceLinear, type FloatPrecision, type MethodContext } from '@hyperswap/tensor';
import { throwIfAborted } from '@hyperswap/errors';
import type { FrozenEncoders } from './features.js';
import { allEncoderShapes, blockShapes, depthOf, encoders, type Encoder } from './parameters.js';
import type { HyperSigmaSize } from './size.js';

/** Encoders that own what they hold. Their weights have the adapted projections in float32 if the form keeps them. */
export interface OwnedEncoders extends FrozenEncoders {
  readonly precision: FloatPrecision;
  dispose(): void;
}

/** Parameters that adaptation methods change, and what is folded with them. */
const adaptable = /\.blocks\.\d+\.(norm1|attn\.[qv])\./;

/** Form of the encoders on the device. */
export interface EncoderForm {
  readonly precision: FloatPrecision;
  /** Keeps the projections that methods adapt in float32 too, among the weights. */
  readonly keepsAdapted: boolean;
}

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
  { precision, keepsAdapted }: EncoderForm,
  { signal, pause }: Pick<MethodContext, 'signal' | 'pause'>,
  report: (done: number, total: number) => void,
): Promise<OwnedEncoders> {
  chooseKernels();
  const total = encoders.reduce((sum, encoder) => sum + depthOf(encoder), 0);
  const blocks: Record<Encoder, BlockLayers[]> = { spatial: [], spectral: [] };
  const upload = (shapes: Iterable<readonly [string, readonly number[]]>): Weights =>
    Weights.upload(new Map([...shapes].map(([name, shape]) => [name, { shape, values: valuesOf(name) }])));
  const all = [...allEncoderShapes(size)];
  const weights = upload(all.filter(([name]) => !name.includes('.blocks.') || (keepsAdapted && adaptable.test(name))));
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
