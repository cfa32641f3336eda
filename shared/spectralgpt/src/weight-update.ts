/** Updates of weights as products of thin matrices, which are never multiplied out where their gradient is taken. */
import { tensorflow, type Tensor, type Tensor1D, type Tensor2D } from '@hyperswap/tensor';
import { foldLayer, type FoldedLayer, type LayerName } from './folding.js';
import { Weights } from './weights.js';

/**
 * ΔW = left · right. LoRA's update is one by definition; a Kronecker product is one too, A ⊗ B = (A ⊗ I) · (I ⊗ B), and an element-wise product of two
 * low-rank matrices has the product of their ranks (Horn and Johnson 1991, Topics in Matrix Analysis, 4.2 and 5.1).
 */
export interface WeightUpdate {
  /** `[out, rank]` */
  readonly left: Tensor2D;
  /** `[rank, in]` */
  readonly right: Tensor2D;
}

/** How something that learns changes a backbone's parameters. */
export interface ParameterChanges {
  /** In place of the backbone's, by the release's names. */
  readonly replaced: ReadonlyMap<string, Tensor>;
  /** Of weights, by the layer's name, as `blocks.3.attn.q`. */
  readonly updates: ReadonlyMap<string, WeightUpdate>;
}

/** An update as the folded layer has it: x · ΔW is (x · down + bias) · up. */
export interface FoldedUpdate {
  /** `[in, rank]` and `[rank]` */
  readonly down: FoldedLayer;
  /** `[rank, out]` */
  readonly up: Tensor2D;
}

/** Whether the gradient of the thin matrices, four products of them with all rows, costs less than that of the weight, one product of its size. */
export function isThin({ up: { shape } }: FoldedUpdate): boolean {
  const [rank, out] = shape;
  return 4 * rank <= out;
}

/** The norm before a layer and attention's scale folded into its update. @param block as `blocks.3` */
export function foldUpdate(
  { left, right }: WeightUpdate,
  weights: Weights,
  block: string,
  layer: LayerName,
  headWidth: number,
): FoldedUpdate {
  const tf = tensorflow();
  return tf.tidy(() => {
    // What the right matrix makes of the layer's input is a layer itself, without a bias.
    const asLayer = new Map<string, Tensor>([
      [`${block}.${layer}.weight`, right],
      [`${block}.${layer}.bias`, tf.zeros([right.shape[0]])],
    ]);
    const down = foldLayer(new Weights(asLayer, weights), block, layer, headWidth);
    return { down: { ...down }, up: tf.transpose(left) };
  });
}

/** A folded layer with its update merged, by tfjs as the update itself. */
export function mergeUpdate({ weight, bias }: FoldedLayer, { down, up }: FoldedUpdate): FoldedLayer {
  const tf = tensorflow();
  return tf.tidy(() => ({
    weight: tf.add(weight, tf.matMul(down.weight, up)) as Tensor2D,
    bias: tf.add(bias, tf.reshape(tf.matMul(tf.reshape(down.bias, [1, -1]) as Tensor2D, up), [-1])) as Tensor1D,
  }));
}

/** A layer folded with its update, if it has one. @param updates by the layer's name @param block as `blocks.3` */
export function foldUpdatedLayer(
  weights: Weights,
  updates: ReadonlyMap<string, WeightUpdate>,
  block: string,
  layer: LayerName,
  headWidth: number,
): FoldedLayer {
  return tensorflow().tidy(() => {
    const frozen = foldLayer(weights, block, layer, headWidth);
    const update = updates.get(`${block}.${layer}`);
    return { ...(update ? mergeUpdate(frozen, foldUpdate(update, weights, block, layer, headWidth)) : frozen) };
  });
}
