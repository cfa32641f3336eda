/**
 * Layers as the kernels take them: weights `[in, out]`, the scale and shift of the norm before a layer and attention's 1 / √(head width) folded
 * in, exactly. Plain tfjs, so that a gradient of the folded layer reaches the parameters it was made from.
 */
import { borrow, cast, deviceScope, identity, keepOnDevice, release, tensorflow } from '@hyperswap/tensor';
import type { DeviceLinear, DeviceTensor, Precision, Tensor, Tensor1D, Tensor2D } from '@hyperswap/tensor';
import type { Weights } from './weights.js';

/** The linear layers of a block, by the release's names. */
export const layerNames = ['attn.q', 'attn.k', 'attn.v', 'attn.proj', 'mlp.fc1', 'mlp.fc2'] as const;
export type LayerName = (typeof layerNames)[number];

/** The norm whose result a layer takes; the other layers take something else. */
const normBefore: Readonly<Partial<Record<LayerName, 'norm1' | 'norm2'>>> = {
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

/** All layers of one block on the device. */
export type BlockLayers = Readonly<Record<LayerName, DeviceLinear>>;

/** Names of the parameters that a folded layer is made from. @param block as `blocks.3` */
export function layerParameters(block: string, layer: LayerName): string[] {
  const norm = normBefore[layer];
  const own = [`${block}.${layer}.weight`, `${block}.${layer}.bias`];
  return norm === undefined ? own : [...own, `${block}.${norm}.weight`, `${block}.${norm}.bias`];
}

/**
 * W · (γ ⊙ x̂ + β) + b = (W · diag γ) · x̂ + (W · β + b).
 *
 * @param block as `blocks.3`
 * @param headWidth of the block's attention
 */
export function foldLayer(weights: Weights, block: string, layer: LayerName, headWidth: number): FoldedLayer {
  const tf = tensorflow();
  return tf.tidy(() => {
    let weight = weights.get(`${block}.${layer}.weight`) as Tensor2D;
    let bias = weights.get(`${block}.${layer}.bias`);
    const norm = normBefore[layer];
    const scale = layer === 'attn.q' ? headWidth ** -0.5 : 1;
    if (norm !== undefined) {
      const shift = tf.reshape(weights.get(`${block}.${norm}.bias`), [-1, 1]) as Tensor2D;
      bias = tf.mul(tf.add(bias, tf.reshape(tf.matMul(weight, shift), [-1])), scale);
      // Both factors in one pass over the weight: a swap waits for it.
      weight = tf.mul(weight, tf.mul(weights.get(`${block}.${norm}.weight`), scale));
    }
    return { weight: tf.transpose(weight), bias: bias as Tensor1D };
  });
}

/** A tfjs tensor on the device in a precision; it belongs to the open scope, while the tensor stays tfjs's. */
export function place(tensor: Tensor, precision: Precision): DeviceTensor {
  return deviceScope(() => cast(identity(borrow(tensor)), precision));
}

/** A folded layer likewise. */
export function placeLayer({ weight, bias }: FoldedLayer, precision: Precision): DeviceLinear {
  return { weight: place(weight, precision), bias: place(bias, precision) };
}

/** Puts a folded layer on the device in a precision, where it stays until it is released; the folded tensors are freed. */
export function keepLayer(folded: FoldedLayer, precision: Precision): DeviceLinear {
  const [weight, bias] = deviceScope(() => {
    const placed = placeLayer(folded, precision);
    return keepOnDevice(placed.weight, placed.bias);
  });
  tensorflow().dispose([folded.weight, folded.bias]);
  return { weight, bias };
}

/** Frees a layer that was kept. */
export function releaseLayer({ weight, bias }: DeviceLinear): void {
  release(weight, bias);
}
