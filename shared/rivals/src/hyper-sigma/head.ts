/** Fusion of both encoders, and the classifier. */
import { linearLayer, Weights } from '@hyperswap/spectralgpt';
import { tensorflow, type Tensor, type Tensor2D } from '@hyperswap/tensor';
import { spatialStages, type HyperSigmaSize } from './size.js';

/** Sets some values to 0 while the head learns, after its first and second layer. */
export type Dropout = (x: Tensor2D) => Tensor2D;

/**
 * Computes logits with a gradient of all parameters. Each spatial tap is reduced and multiplied by one more than its
 * gate, which the spectral values open; no activation follows, so that without gates the head would be affine.
 *
 * @param features of `frozenFeatures`
 * @returns `[windows, classes]`
 */
export function headLogits(
  features: Tensor2D,
  parameters: ReadonlyMap<string, Tensor>,
  { width, spectralTokens }: HyperSigmaSize,
  dropout: Dropout = (x) => x,
): Tensor2D {
  const tf = tensorflow();
  const [windows] = features.shape;
  const product = (x: Tensor2D, name: string): Tensor2D =>
    tf.matMul(x, parameters.get(`${name}.weight`) as Tensor2D, false, true);
  const part = (first: number, count: number): Tensor2D => tf.slice(features, [0, first], [windows, count]);
  const spectral = part(spatialStages.length * width, spectralTokens);
  const fused = spatialStages.map((_, stage) => {
    const name = `fusion.${stage}`;
    const gate = tf.sigmoid(product(tf.relu(product(spectral, `${name}.gate1`)), `${name}.gate2`));
    return tf.mul(product(part(stage * width, width), `${name}.reduce`), tf.add(gate, 1)) as Tensor2D;
  });
  const weights = new Weights(parameters);
  const first = dropout(linearLayer(tf.concat(fused, 1), weights, 'head.first'));
  const second = dropout(linearLayer(first, weights, 'head.second'));
  return linearLayer(second, weights, 'head.last');
}
