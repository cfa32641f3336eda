/**
 * Linear discriminant analysis with a shrunk covariance (Friedman 1989, doi:10.1080/01621459.1989.10478752). It equals
 * `LinearDiscriminantAnalysis(solver='lsqr', shrinkage=0.3)` of scikit-learn on features that are divided by their
 * deviation within the classes. It needs no epochs and suits few labelled pixels.
 */
import { throwIfAborted } from '@hyperswap/errors';
import { tensorflow, type MethodContext, type Tensor2D } from '@hyperswap/tensor';

/** Share of a multiple of the identity in the covariance, with the same mean variance. */
const shrinkage = 0.3;
/** Added to the variances, for features that are the same within all classes. */
const smallestVariance = 1e-6;
/** Bias of a class without pixels, which never wins. */
const absentBias = -1e4;
/** Rows of the factorisation between two turns of other work: some ten milliseconds. */
const rowsAtOnce = 32;

export interface LinearLayer {
  /** `[classes, width]` */
  readonly weight: Float32Array;
  /** `[classes]` */
  readonly bias: Float32Array;
}

/**
 * Fits a linear layer whose logits are log posteriors, up to a constant for each pixel.
 *
 * @param features `[pixels, width]`
 * @param labels from 0
 * @throws CANCELLED
 */
export async function fitDiscriminant(
  features: Tensor2D,
  labels: Uint8Array,
  classes: number,
  { signal, pause }: Pick<MethodContext, 'signal' | 'pause'>,
): Promise<LinearLayer> {
  const tf = tensorflow();
  const [pixels, width] = features.shape;
  const counts = new Float64Array(classes);
  for (const label of labels) counts[label]! += 1;
  const [means, covariance, scale] = tf.tidy(() => {
    const members = tf.oneHot(tf.tensor1d(labels, 'int32'), classes) as Tensor2D;
    const share = tf.tensor2d(
      Float32Array.from(counts, (count) => 1 / Math.max(1, count)),
      [classes, 1],
    );
    const centres = tf.mul(tf.matMul(members, features, true), share) as Tensor2D;
    const rest = tf.sub(features, tf.matMul(members, centres));
    const deviation = tf.sqrt(tf.add(tf.mean(tf.square(rest), 0), smallestVariance));
    const scaled = tf.div(rest, deviation) as Tensor2D;
    const product = tf.mul(tf.matMul(scaled, scaled, true), (1 - shrinkage) / pixels);
    const values = [tf.div(centres, deviation), product, deviation].map((tensor) => tensor.dataSync() as Float32Array);
    return values as [Float32Array, Float32Array, Float32Array];
  });
  const factor = Float64Array.from(covariance);
  const diagonal = Array.from({ length: width }, (_, i) => factor[i * width + i]! / (1 - shrinkage));
  const meanVariance = diagonal.reduce((sum, variance) => sum + variance, 0) / width;
  const added = shrinkage * Math.max(meanVariance, smallestVariance);
  for (let i = 0; i < width; i++) factor[i * width + i]! += added;
  for (let row = 0; row < width; row += rowsAtOnce) {
    throwIfAborted(signal, 'Training');
    factorise(factor, width, row, Math.min(width, row + rowsAtOnce));
    await pause();
  }
  const present = [...counts.keys()].filter((label) => counts[label]! > 0);
  const middle = Float64Array.from({ length: width }, (_, f) =>
    present.reduce((sum, label) => sum + means[label * width + f]! / present.length, 0),
  );
  const weight = new Float32Array(classes * width);
  const bias = new Float32Array(classes).fill(absentBias);
  for (const label of present) {
    const centre = middle.map((value, f) => means[label * width + f]! - value);
    const solved = solve(factor, width, centre);
    let offset = Math.log(counts[label]! / pixels);
    for (let f = 0; f < width; f++) {
      offset -= solved[f]! * (0.5 * centre[f]! + middle[f]!);
      weight[label * width + f] = solved[f]! / scale[f]!;
    }
    bias[label] = offset;
  }
  return { weight, bias };
}

/** Replaces rows of a positive definite matrix by those of its Cholesky factor, which need the rows before. */
function factorise(matrix: Float64Array, size: number, first: number, last: number): void {
  for (let i = first; i < last; i++) {
    const own = matrix.subarray(i * size, (i + 1) * size);
    for (let j = 0; j <= i; j++) {
      const other = matrix.subarray(j * size, (j + 1) * size);
      let sum = own[j]!;
      for (let k = 0; k < j; k++) sum -= own[k]! * other[k]!;
      own[j] = i === j ? Math.sqrt(sum) : sum / other[j]!;
    }
  }
}

/** Solves `L · Lᵀ · x = right`. @param factor L, row by row */
function solve(factor: Float64Array, size: number, right: Float64Array): Float64Array {
  const x = right.slice();
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) x[i]! -= factor[i * size + k]! * x[k]!;
    x[i]! /= factor[i * size + i]!;
  }
  for (let i = size - 1; i >= 0; i--) {
    x[i]! /= factor[i * size + i]!;
    for (let k = 0; k < i; k++) x[k]! -= factor[i * size + k]! * x[i]!;
  }
  return x;
}
