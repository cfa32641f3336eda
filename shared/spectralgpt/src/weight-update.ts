/** Weight updates as products of thin matrices. They are not multiplied out to compute their gradients. */
import {
  add,
  cast,
  deviceScope,
  isPacked,
  matMul,
  reshape,
  tensorflow,
  type DeviceLinear,
  type DeviceTensor,
  type FloatPrecision,
  type Precision,
  type Tensor,
  type Tensor2D,
} from '@hyperswap/tensor';
import { foldLayer, packLayer, place, placeLayer, type FoldedLayer, type AnyLayer } from './folding.js';
import { Weights } from './weights.js';

/**
 * Low-rank update ΔW = left · right. LoRA's update is one by definition. A Kronecker product is one too, A ⊗ B = (A ⊗
 * I) · (I ⊗ B). An element-wise product of two low-rank matrices has the product of their ranks (Horn and Johnson 1991,
 * Topics in Matrix Analysis, 4.2 and 5.1).
 */
export interface WeightUpdate {
  /** `[out, rank]` */
  readonly left: Tensor2D;
  /** `[rank, in]` */
  readonly right: Tensor2D;
}

/** Changes of a backbone's parameters by learned values. */
export interface ParameterChanges {
  /** Replacements of the backbone's parameters, by the release's names. */
  readonly replaced: ReadonlyMap<string, Tensor>;
  /** Updates of weights, by the layer's name, as `blocks.3.attn.q`. */
  readonly updates: ReadonlyMap<string, WeightUpdate>;
}

/** Update in the folded layer: x · ΔW is (x · down + bias) · up. */
export interface FoldedUpdate {
  /** `[in, rank]` and `[rank]` */
  readonly down: FoldedLayer;
  /** `[rank, out]` */
  readonly up: Tensor2D;
}

/** A folded update on the device. */
export interface DeviceUpdate {
  readonly down: DeviceLinear;
  readonly up: DeviceTensor;
}

/**
 * Returns true if the gradient of the thin matrices, four products of them with all rows, costs less than the weight's
 * gradient, one product of its size.
 */
export function isThin({ left: { shape } }: WeightUpdate): boolean {
  const [out, rank] = shape;
  return 4 * rank <= out;
}

/** Folds the preceding norm and attention's scale into an update, with tfjs ops. @param block as `blocks.3` */
export function foldUpdate(
  { left, right }: WeightUpdate,
  weights: Weights,
  block: string,
  layer: AnyLayer,
  headWidth: number,
): FoldedUpdate {
  const tf = tensorflow();
  return tf.tidy(() => {
    // The right matrix applied to the layer's input is a layer itself, without a bias.
    const asLayer = new Map<string, Tensor>([
      [`${block}.${layer}.weight`, right],
      [`${block}.${layer}.bias`, tf.zeros([right.shape[0]])],
    ]);
    const down = foldLayer(new Weights(asLayer, weights), block, layer, headWidth);
    return { down: { ...down }, up: tf.transpose(left) };
  });
}

/**
 * Folds a layer together with its multiplied-out update, with tfjs ops: for updates that are not thin.
 *
 * @param block as `blocks.3`
 */
export function foldWithUpdate(
  { left, right }: WeightUpdate,
  weights: Weights,
  block: string,
  layer: AnyLayer,
  headWidth: number,
): FoldedLayer {
  const tf = tensorflow();
  const name = `${block}.${layer}.weight`;
  return tf.tidy(() => {
    const updated = new Map([[name, tf.add(weights.get(name), tf.matMul(left, right))]]);
    return { ...foldLayer(weights.replacing(updated), block, layer, headWidth) };
  });
}

/** Places a folded update on the device. The result belongs to the open scope; tfjs still owns the tensors. */
export function placeUpdate({ down, up }: FoldedUpdate, precision: FloatPrecision): DeviceUpdate {
  return deviceScope(() => ({ down: placeLayer(down, precision), up: place(up, precision) }));
}

/**
 * Merges an update into a folded layer, in float32; the result belongs to the open device scope.
 *
 * @param layer and update, float32
 * @param center mean input of each token, for int8 only
 */
export function mergeUpdate(
  layer: DeviceLinear,
  { down, up }: DeviceUpdate,
  precision: Precision,
  center?: DeviceTensor,
): DeviceLinear {
  return deviceScope(() => {
    const change = reshape(matMul(reshape(down.bias, [1, down.bias.shape[0]!]), up), layer.bias.shape);
    const weight = add(layer.weight, matMul(down.weight, up));
    const bias = add(layer.bias, change);
    if (isPacked(precision)) return packLayer({ weight, bias }, precision, center);
    return { weight: cast(weight, precision), bias: cast(bias, precision) };
  });
}
