import { deviceScope, tensorflow, type Tensor2D } from '@hyperswap/tensor';
import type { RivalPrediction } from './rival.js';

/** Returns the most probable class of each pixel, and all probabilities. @param logits computes `[pixels, classes]` */
export function predictionOf(logits: () => Tensor2D): RivalPrediction {
  const tf = tensorflow();
  const distribution: Tensor2D = deviceScope(() => tf.tidy(() => tf.softmax(logits())));
  const probabilities = distribution.dataSync() as Float32Array;
  const [pixels, classes] = distribution.shape;
  distribution.dispose();
  const labels = Uint8Array.from({ length: pixels }, (_, pixel) => {
    const own = probabilities.subarray(pixel * classes, (pixel + 1) * classes);
    return own.indexOf(Math.max(...own)) + 1;
  });
  return { labels, probabilities };
}
