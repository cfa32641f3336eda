import { tensorflow, type Tensor2D } from '@hyperswap/tensor';

/**
 * Squared Euclidean distances between all pairs of rows.
 *
 * @param a `[n, values]`
 * @param b `[m, values]`
 * @returns `[n, m]`
 */
export function squaredDistances(a: Tensor2D, b: Tensor2D): Tensor2D {
  const tf = tensorflow();
  return tf.tidy(() => {
    const squares = (x: Tensor2D): Tensor2D => tf.sum(tf.square(x), 1, true);
    const products = tf.matMul(a, b, false, true);
    return tf.relu(tf.add(tf.sub(squares(a), tf.mul(products, 2)), tf.transpose(squares(b)))) as Tensor2D;
  });
}
