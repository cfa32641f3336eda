import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { throwIfAborted } from '@hyperswap/errors';
import type { NumericArray } from '../read/array.js';

/** A principal component analysis of spectra. */
export interface Pca {
  /** Mean spectrum, `[bands]`. */
  readonly mean: Float32Array;
  /** Loadings, `[components, bands]` row by row; unit length, the largest loading of each positive. */
  readonly components: Float32Array;
  /** Variance along each component, `[components]`, with n − 1 in the denominator. */
  readonly explainedVariance: Float32Array;
  /** Share of the total variance, `[components]`. */
  readonly explainedVarianceRatio: Float32Array;
}

/**
 * Sums that a PCA needs, taken block by block, so that a scene larger than memory works.
 * The first pixel seen is subtracted from all, which keeps the sums of products small and exact enough in float64.
 */
export class CovarianceAccumulator {
  private count = 0;
  private readonly shift: Float64Array;
  private readonly sums: Float64Array;
  private readonly products: Float64Array;

  constructor(private readonly bands: number) {
    this.shift = new Float64Array(bands);
    this.sums = new Float64Array(bands);
    this.products = new Float64Array(bands * bands);
  }

  /** Adds pixels, `[pixels, bands]` row by row. */
  add(values: NumericArray, signal?: AbortSignal): void {
    const { bands, shift, sums, products } = this;
    const pixels = values.length / bands;
    if (this.count === 0) for (let band = 0; band < bands; band++) shift[band] = values[band]!;
    // Blocks of pixels, band-major, so that the inner loop runs over memory in order; 8 rows of products share one pass.
    const blockSize = 256;
    const block = new Float64Array(bands * blockSize);
    for (let start = 0; start < pixels; start += blockSize) {
      throwIfAborted(signal, 'Preparing the scene');
      const size = Math.min(blockSize, pixels - start);
      for (let band = 0; band < bands; band++) {
        let sum = 0;
        for (let i = 0; i < size; i++) {
          const value = values[(start + i) * bands + band]! - shift[band]!;
          block[band * blockSize + i] = value;
          sum += value;
        }
        block.fill(0, band * blockSize + size, (band + 1) * blockSize);
        sums[band]! += sum;
      }
      addProducts(block, blockSize, bands, products);
    }
    this.count += pixels;
  }

  /**
   * The principal components, as scikit-learn's `PCA(svd_solver="full")` up to sign.
   *
   * @param components how many, at most the number of bands
   */
  principalComponents(components: number): Pca {
    const { bands, count, shift, sums, products } = this;
    const covariance = new Matrix(bands, bands);
    for (let a = 0; a < bands; a++) {
      for (let b = a; b < bands; b++) {
        const value = (products[a * bands + b]! - (sums[a]! * sums[b]!) / count) / Math.max(1, count - 1);
        covariance.set(a, b, value);
        covariance.set(b, a, value);
      }
    }
    const decomposition = new EigenvalueDecomposition(covariance, { assumeSymmetric: true });
    const order = decomposition.realEigenvalues
      .map((variance, index) => ({ variance: Math.max(0, variance), index }))
      .sort((x, y) => y.variance - x.variance);
    const total = order.reduce((sum, { variance }) => sum + variance, 0);
    const kept = order.slice(0, components);
    const loadings = new Float32Array(components * bands);
    kept.forEach(({ index }, component) => {
      const column = decomposition.eigenvectorMatrix.getColumn(index);
      const largest = column.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
      const sign = largest < 0 ? -1 : 1;
      column.forEach((value, band) => (loadings[component * bands + band] = sign * value));
    });
    return {
      mean: Float32Array.from(sums, (sum, band) => shift[band]! + sum / count),
      components: loadings,
      explainedVariance: Float32Array.from(kept, ({ variance }) => variance),
      explainedVarianceRatio: Float32Array.from(kept, ({ variance }) => (total === 0 ? 0 : variance / total)),
    };
  }
}

/** Adds block · blockᵀ to the upper triangle of `products`; four columns at once keep four sums in registers. */
function addProducts(block: Float64Array, blockSize: number, bands: number, products: Float64Array): void {
  for (let a = 0; a < bands; a++) {
    const rowA = a * blockSize;
    let b = a;
    for (; b + 4 <= bands; b += 4) {
      const row0 = b * blockSize;
      const row1 = row0 + blockSize;
      const row2 = row1 + blockSize;
      const row3 = row2 + blockSize;
      let sum0 = 0;
      let sum1 = 0;
      let sum2 = 0;
      let sum3 = 0;
      for (let i = 0; i < blockSize; i++) {
        const value = block[rowA + i]!;
        sum0 += value * block[row0 + i]!;
        sum1 += value * block[row1 + i]!;
        sum2 += value * block[row2 + i]!;
        sum3 += value * block[row3 + i]!;
      }
      const target = a * bands + b;
      products[target]! += sum0;
      products[target + 1]! += sum1;
      products[target + 2]! += sum2;
      products[target + 3]! += sum3;
    }
    for (; b < bands; b++) {
      let sum = 0;
      for (let i = 0; i < blockSize; i++) sum += block[rowA + i]! * block[b * blockSize + i]!;
      products[a * bands + b]! += sum;
    }
  }
}

/**
 * Scores of pixels on the components.
 *
 * @param values `[pixels, bands]` row by row
 * @returns `[pixels, components]` row by row
 */
export function projectPixels(values: NumericArray, pca: Pca): Float32Array {
  const bands = pca.mean.length;
  const components = pca.explainedVariance.length;
  const pixels = values.length / bands;
  const scores = new Float32Array(pixels * components);
  const centred = new Float64Array(bands);
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let band = 0; band < bands; band++) centred[band] = values[pixel * bands + band]! - pca.mean[band]!;
    for (let component = 0; component < components; component++) {
      let score = 0;
      const row = component * bands;
      for (let band = 0; band < bands; band++) score += centred[band]! * pca.components[row + band]!;
      scores[pixel * components + component] = score;
    }
  }
  return scores;
}
