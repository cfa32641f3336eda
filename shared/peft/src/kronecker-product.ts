import type { WeightUpdate } from '@hyperswap/spectralgpt';
import { tensorflow, type Tensor2D } from '@hyperswap/tensor';

/** A ⊗ B, differentiable. @param a `[a1, a2]` @param b `[b1, b2]` @returns `[a1 · b1, a2 · b2]` */
function kroneckerProduct(a: Tensor2D, b: Tensor2D): Tensor2D {
  const tf = tensorflow();
  const [a1, a2] = a.shape;
  const [b1, b2] = b.shape;
  const product = tf.mul(tf.reshape(a, [a1, 1, a2, 1]), tf.reshape(b, [1, b1, 1, b2]));
  return tf.reshape(product, [a1 * b1, a2 * b2]);
}

/** A ⊗ (left · right) = (A ⊗ left) · (I ⊗ right), thinner than its first product form wherever `left` is. */
export function kroneckerUpdate(a: Tensor2D, { left, right }: WeightUpdate): WeightUpdate {
  const identity = tensorflow().eye(a.shape[1]) as Tensor2D;
  return { left: kroneckerProduct(a, left), right: kroneckerProduct(identity, right) };
}
