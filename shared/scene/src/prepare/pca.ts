import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { NumericArray } from '@hyperswap/raster';
import type { CovarianceAccumulator } from './covariance.js';
import { paddedRows, RowProducts } from './row-products.js';

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
 * The principal components, as scikit-learn's `PCA(svd_solver="full")` up to sign.
 *
 * @param components how many, at most the number of bands
 */
export function principalComponents({ count, shift, sums, products }: CovarianceAccumulator, components: number): Pca {
  const bands = shift.length;
  const stride = paddedRows(bands);
  const covariance = new Matrix(bands, bands);
  for (let a = 0; a < bands; a++) {
    for (let b = a; b < bands; b++) {
      const value = (products[a * stride + b]! - (sums[a]! * sums[b]!) / count) / Math.max(1, count - 1);
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
  const blockSize = 192;
  const products = new RowProducts(blockSize, bands, components);
  const { a: centred, b: loadings, target, length } = products;
  for (let component = 0; component < components; component++)
    loadings.set(pca.components.subarray(component * bands, (component + 1) * bands), component * length);
  const stride = paddedRows(components);
  for (let start = 0; start < pixels; start += blockSize) {
    const size = Math.min(blockSize, pixels - start);
    for (let pixel = 0; pixel < size; pixel++)
      for (let band = 0; band < bands; band++)
        centred[pixel * length + band] = values[(start + pixel) * bands + band]! - pca.mean[band]!;
    target.fill(0);
    products.add();
    for (let pixel = 0; pixel < size; pixel++)
      for (let component = 0; component < components; component++)
        scores[(start + pixel) * components + component] = target[pixel * stride + component]!;
  }
  return scores;
}
