import { tensorflow, type Tensor } from '../tensorflow.js';

/** Returns x · sigmoid(x), with a gradient. */
export function silu<Shape extends Tensor>(x: Shape): Shape {
  const tf = tensorflow();
  return tf.mul(x, tf.sigmoid(x));
}
