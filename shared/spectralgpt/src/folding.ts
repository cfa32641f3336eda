/**
 * Layers in the layout of the kernels: weights `[in, out]`, with the scale and shift of the preceding norm and
 * attention's 1 / √(head width) folded in exactly. Folding uses plain tfjs ops, so that a gradient of the folded layer
 * reaches the original parameters.
 */
import { failure } from '@hyperswap/errors';
import {
  borrow,
  cast,
  deviceScope,
  identity,
  isPacked,
  keepOnDevice,
  packBf16,
  packInt8,
  release,
  tensorflow,
} from '@hyperswap/tensor';
import type {
  DeviceLinear,
  DeviceTensor,
  FloatPrecision,
  PackedPrecision,
  Precision,
  Tensor,
  Tensor1D,
  Tensor2D,
} from '@hyperswap/tensor';
import type { Weights } from './weights.js';

/** Linear layers of a block, by the release's names. */
export const layerNames = ['attn.q', 'attn.k', 'attn.v', 'attn.proj', 'mlp.fc1', 'mlp.fc2'] as const;
/** Layer from queries to the points that they attend to, in blocks that do not attend to all tokens. */
export const offsetsLayer = 'attn.offsets';
export type LayerName = (typeof layerNames)[number];
/** Any layer of a block. */
export type AnyLayer = LayerName | typeof offsetsLayer;

/** Norm before a layer; layers that are not listed do not follow a norm. */
const normBefore: Readonly<Partial<Record<AnyLayer, 'norm1' | 'norm2'>>> = {
  'attn.q': 'norm1',
  'attn.k': 'norm1',
  'attn.v': 'norm1',
  'mlp.fc1': 'norm2',
};

/** A folded layer, float32. */
export interface FoldedLayer {
  /** `[in, out]` */
  readonly weight: Tensor2D;
  /** `[out]` */
  readonly bias: Tensor1D;
}

/** All layers of one block on the device. A block with a layer of offsets attends to sampled points. */
export type BlockLayers = Readonly<Record<LayerName, DeviceLinear>> &
  Readonly<Partial<Record<typeof offsetsLayer, DeviceLinear>>>;

/** Returns the layers of a block, by its parameters. @param block as `blocks.3` */
export function layersOf(weights: Weights, block: string): readonly AnyLayer[] {
  return weights.has(`${block}.${offsetsLayer}.weight`) ? [...layerNames, offsetsLayer] : layerNames;
}

/** Returns the names of the parameters that a folded layer is made from. @param block as `blocks.3` */
export function layerParameters(block: string, layer: AnyLayer): string[] {
  const norm = normBefore[layer];
  const own = [`${block}.${layer}.weight`, `${block}.${layer}.bias`];
  return norm === undefined ? own : [...own, `${block}.${norm}.weight`, `${block}.${norm}.bias`];
}

/**
 * Folds a layer: W · (γ ⊙ x̂ + β) + b = (W · diag γ) · x̂ + (W · β + b).
 *
 * @param block as `blocks.3`
 * @param headWidth of the block's attention
 */
export function foldLayer(weights: Weights, block: string, layer: AnyLayer, headWidth: number): FoldedLayer {
  const tf = tensorflow();
  return tf.tidy(() => {
    let weight = weights.get(`${block}.${layer}.weight`) as Tensor2D;
    let bias = weights.get(`${block}.${layer}.bias`);
    const norm = normBefore[layer];
    const scale = layer === 'attn.q' ? headWidth ** -0.5 : 1;
    if (norm !== undefined) {
      const shift = tf.reshape(weights.get(`${block}.${norm}.bias`), [-1, 1]) as Tensor2D;
      bias = tf.mul(tf.add(bias, tf.reshape(tf.matMul(weight, shift), [-1])), scale);
      // One pass over the weight multiplies both factors, because a swap waits for it.
      weight = tf.mul(weight, tf.mul(weights.get(`${block}.${norm}.weight`), scale));
    }
    // Offsets come from queries that are not scaled.
    if (layer === offsetsLayer) weight = tf.mul(weight, headWidth ** 0.5);
    return { weight: tf.transpose(weight), bias: bias as Tensor1D };
  });
}

/**
 * Places a tfjs tensor on the device in a precision. The result belongs to the open scope; tfjs still owns the original
 * tensor.
 */
export function place(tensor: Tensor, precision: FloatPrecision): DeviceTensor {
  return deviceScope(() => cast(identity(borrow(tensor)), precision));
}

/**
 * Places a folded layer on the device in the same way; in int8 and for our bfloat16 kernel it is packed.
 *
 * @param center mean input of each token, for int8 only
 */
export function placeLayer(folded: FoldedLayer, precision: Precision, center?: DeviceTensor): DeviceLinear {
  if (isPacked(precision)) return packLayer(viewLayer(folded), precision, center);
  const { weight, bias } = folded;
  return { weight: place(weight, precision), bias: place(bias, precision) };
}

/** Views a folded layer as one on the device; tfjs still owns the tensors. */
export function viewLayer({ weight, bias }: FoldedLayer): DeviceLinear {
  return { weight: borrow(weight), bias: borrow(bias) };
}

/** Packs a float32 layer on the device for our own kernels. @throws INTERNAL for int8 without a center */
export function packLayer(
  layer: DeviceLinear,
  precision: PackedPrecision,
  center: DeviceTensor | undefined,
): DeviceLinear {
  if (precision === 'packed-bfloat16') return packBf16(layer);
  if (center === undefined) throw failure('INTERNAL', { reason: 'a layer in int8 needs the mean of its input' });
  return packInt8(layer, center);
}

/**
 * Places a folded layer on the device in a precision until it is released, and frees the folded tensors.
 *
 * @param center mean input of each token, for int8 only; it still belongs to the caller
 */
export function keepLayer(folded: FoldedLayer, precision: Precision, center?: DeviceTensor): DeviceLinear {
  const layer = keepPlaced(() => placeLayer(folded, precision, center));
  tensorflow().dispose([folded.weight, folded.bias]);
  return layer;
}

/** Keeps the tensors of a layer that a function makes; its center stays with its owner. */
export function keepPlaced(make: () => DeviceLinear): DeviceLinear {
  const placed: DeviceLinear[] = [];
  deviceScope(() => {
    const layer = make();
    keepOnDevice(layer.weight, layer.bias);
    placed.push(layer);
  });
  return placed[0]!;
}

/** Frees a kept layer, but not its center, which several layers share. */
export function releaseLayer({ weight, bias }: DeviceLinear): void {
  release(weight, bias);
}
