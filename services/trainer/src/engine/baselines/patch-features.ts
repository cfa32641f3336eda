/** Patches as plain vectors, for classifiers that do not process images. */
import { tensorflow, type Tensor2D } from '@hyperswap/tensor';

/** Mean and deviation of each component over the training patches. */
export interface ComponentSpread {
  readonly mean: Float32Array;
  readonly deviation: Float32Array;
}

/** @param scores `[…, components]` */
export function componentSpread(scores: Float32Array, components: number): ComponentSpread {
  const tf = tensorflow();
  return tf.tidy(() => {
    const { mean, variance } = tf.moments(tf.tensor2d(scores, [scores.length / components, components]), 0);
    return {
      mean: mean.dataSync() as Float32Array,
      deviation: Float32Array.from(variance.dataSync(), (value) => Math.sqrt(value) || 1),
    };
  });
}

/**
 * Standardises patches and averages them to a grid of at most `side` × `side` cells, which differ in size by at most a
 * pixel (as `torch.nn.AdaptiveAvgPool2d`).
 *
 * @param scores `[patches, patchSize, patchSize, components]`
 * @returns `[patches, cells · components]`
 */
export function averagedPatches(
  scores: Float32Array,
  patchSize: number,
  side: number,
  { mean, deviation }: ComponentSpread,
): Tensor2D {
  const tf = tensorflow();
  const components = mean.length;
  const cells = Math.min(side, patchSize);
  const averaging = new Float32Array(cells * patchSize);
  for (let cell = 0; cell < cells; cell++) {
    const start = Math.floor((cell * patchSize) / cells);
    const end = Math.ceil(((cell + 1) * patchSize) / cells);
    for (let pixel = start; pixel < end; pixel++) averaging[cell * patchSize + pixel] = 1 / (end - start);
  }
  return tf.tidy(() => {
    const patches = scores.length / (patchSize ** 2 * components);
    const standardised = tf.div(
      tf.sub(tf.tensor2d(scores, [scores.length / components, components]), tf.tensor1d(mean)),
      tf.tensor1d(deviation),
    );
    const weights = tf.tensor2d(averaging, [cells, patchSize]);
    const rows = tf.matMul(weights, tf.reshape(standardised, [patches, patchSize, patchSize * components]));
    const byColumn = tf.transpose(tf.reshape(rows, [patches, cells, patchSize, components]), [0, 2, 1, 3]);
    const columns = tf.matMul(weights, tf.reshape(byColumn, [patches, patchSize, cells * components]));
    return tf.reshape(columns, [patches, cells * cells * components]) as Tensor2D;
  });
}

/**
 * Returns the windows in the middle of patches.
 *
 * @param scores `[patches, patchSize, patchSize, components]`
 * @param window odd side, at most the patch size
 * @returns `[patches, window, window, components]`
 */
export function middleWindows(
  scores: Float32Array,
  patchSize: number,
  window: number,
  components: number,
): Float32Array {
  if (window === patchSize) return scores;
  const margin = (patchSize - window) / 2;
  const row = window * components;
  const patches = scores.length / (patchSize ** 2 * components);
  const values = new Float32Array(patches * window * row);
  for (let patch = 0; patch < patches; patch++) {
    for (let y = 0; y < window; y++) {
      const from = ((patch * patchSize + margin + y) * patchSize + margin) * components;
      values.set(scores.subarray(from, from + row), (patch * window + y) * row);
    }
  }
  return values;
}

/** The middle pixel of each patch, standardised. @returns `[patches, components]` */
export function middlePixels(scores: Float32Array, patchSize: number, { mean, deviation }: ComponentSpread): Tensor2D {
  const components = mean.length;
  const stride = patchSize ** 2 * components;
  const middle = ((patchSize ** 2 - 1) / 2) * components;
  const count = scores.length / stride;
  const values = new Float32Array(count * components);
  for (let patch = 0; patch < count; patch++) {
    for (let c = 0; c < components; c++) {
      values[patch * components + c] = (scores[patch * stride + middle + c]! - mean[c]!) / deviation[c]!;
    }
  }
  return tensorflow().tensor2d(values, [count, components]);
}
