/**
 * Principal components of spectra, equal to scikit-learn's `PCA(svd_solver="full")` up to sign.
 *
 * The covariance is summed in float64, which squares the condition of the data: if the variances of the leading
 * components differ so much that the small ones are lost in the rounding errors of the large ones, the covariance is
 * summed again in the coordinates of the first result. There each error is small relative to its own component, and
 * Jacobi's rotations preserve this (Drmač and Veselić 2008).
 */
import { gradedEigenpairs } from '../linear/graded-eigenpairs.js';
import { leadingEigenpairs, orthonormalize, type Eigenpairs } from '../linear/leading-eigenpairs.js';
import { RowProducts, paddedRows } from '../linear/row-products.js';
import { meanOf, type Coordinates, type CovarianceAccumulator } from './covariance.js';
import type { PixelRule } from './valid-pixels.js';

/** A principal component analysis of spectra, over all bands: those that were left out have mean and loadings 0. */
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

/** Principal components over the good bands, in float64. */
export interface Components {
  /** `[good bands]` */
  readonly mean: Float64Array;
  /** Variances, the largest first, and loadings. */
  readonly pairs: Eigenpairs;
  /** Sum of the variances of all bands. */
  readonly totalVariance: number;
}

/**
 * Ratio of the first to the last component's variance up to which a covariance of bands is exact enough: it leaves
 * errors of about 1e-8.
 */
const wellConditioned = 1e7;

/** Components of a first pass; with coordinates for a second one where the first is not exact enough. */
export interface FirstFit {
  readonly components: Components;
  readonly rotated: Coordinates | undefined;
}

/** Returns the principal components of pixels whose covariance was summed. @param count of components */
export function fitCovariance(sums: CovarianceAccumulator, coordinates: Coordinates, count: number): FirstFit {
  const { bands } = sums;
  const covariance = sums.covariance();
  const pairs = leadingEigenpairs(covariance.slice(), bands, count);
  const mean = meanOf(sums, coordinates);
  const components = { mean, pairs, totalVariance: traceOf(covariance, bands) };
  if (isWellConditioned(pairs, count)) return { components, rotated: undefined };
  const basis = leadingEigenpairs(covariance, bands, bands).vectors;
  return { components, rotated: { origin: mean, basis } };
}

/**
 * Returns the principal components of pixels whose covariance was summed in the coordinates of
 * {@link FirstFit.rotated}.
 */
export function fitRotated(sums: CovarianceAccumulator, coordinates: Coordinates, count: number): Components {
  const { bands } = sums;
  const covariance = sums.covariance();
  const totalVariance = traceOf(covariance, bands);
  const { values, vectors } = gradedEigenpairs(covariance, bands);
  const loadings = new Float64Array(count * bands);
  for (let i = 0; i < count; i++) {
    for (let row = 0; row < bands; row++) {
      const weight = vectors[i * bands + row]!;
      for (let band = 0; band < bands; band++) {
        loadings[i * bands + band]! += weight * coordinates.basis![row * bands + band]!;
      }
    }
  }
  const pairs = { values: values.slice(0, count), vectors: loadings };
  return { mean: meanOf(sums, coordinates), pairs, totalVariance };
}

/**
 * Returns the principal components of fewer pixels than bands, from the products of pixels with each other, which are
 * fewer than those of bands. Components beyond the pixels' rank have no variance, and any direction.
 *
 * @param spectra `[pixels, good bands]` row by row; overwritten
 */
export function fitFewPixels(spectra: Float64Array, bands: number, count: number): Components {
  const pixels = spectra.length / bands;
  const mean = centre(spectra, bands);
  const degrees = Math.max(1, pixels - 1);
  const own = Math.min(count, pixels);
  let rows = spectra;
  let products = productsOf(rows, pixels, bands);
  const totalVariance = traceOf(products, pixels) / degrees;
  let pairs = leadingEigenpairs(products.slice(), pixels, own);
  // Centred pixels have one degree of freedom less than their number.
  if (!isWellConditioned(pairs, Math.min(count, pixels - 1))) {
    rows = combine(leadingEigenpairs(products, pixels, pixels).vectors, spectra, pixels, bands);
    products = productsOf(rows, pixels, bands);
    pairs = gradedEigenpairs(products, pixels);
  }
  const loadings = new Float64Array(count * bands);
  const values = new Float64Array(count);
  const negligible = pairs.values[0]! * pixels * (16 * Number.EPSILON) ** 2;
  for (let i = 0; i < count; i++) {
    const loading = loadings.subarray(i * bands, (i + 1) * bands);
    const before = loadings.subarray(0, i * bands);
    const value = i < own ? pairs.values[i]! : 0;
    if (value > negligible) {
      loading.set(combine(pairs.vectors.subarray(i * pixels, (i + 1) * pixels), rows, pixels, bands));
      values[i] = value / degrees;
    } else {
      loading[leastUsedBand(before, bands)] = 1;
    }
    orthonormalize(loading, before);
  }
  return { mean, pairs: { values, vectors: loadings }, totalVariance };
}

/** Returns the components in their stored form, over all bands. @param bands all bands of a pixel */
export function toPca({ mean, pairs, totalVariance }: Components, { bands, goodBands }: PixelRule): Pca {
  const count = pairs.values.length;
  const good = goodBands.length;
  const allMeans = new Float32Array(bands);
  const loadings = new Float32Array(count * bands);
  goodBands.forEach((band, place) => (allMeans[band] = mean[place]!));
  for (let i = 0; i < count; i++) {
    const row = pairs.vectors.subarray(i * good, (i + 1) * good);
    const largest = row.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    const sign = largest < 0 ? -1 : 1;
    goodBands.forEach((band, place) => (loadings[i * bands + band] = sign * row[place]!));
  }
  const variances = pairs.values.map((value) => Math.max(0, value));
  return {
    mean: allMeans,
    components: loadings,
    explainedVariance: Float32Array.from(variances),
    explainedVarianceRatio: Float32Array.from(variances, (value) => (totalVariance > 0 ? value / totalVariance : 0)),
  };
}

/** Returns true if the last variance is larger than the rounding errors of the first. */
function isWellConditioned({ values }: Eigenpairs, count: number): boolean {
  const first = values[0] ?? 0;
  return first <= 0 || count < 1 || values[count - 1]! * wellConditioned > first;
}

function traceOf(matrix: Float64Array, size: number): number {
  let trace = 0;
  for (let i = 0; i < size; i++) trace += matrix[i * (size + 1)]!;
  return trace;
}

/** Subtracts the mean of rows from each of them, and returns it. */
function centre(rows: Float64Array, length: number): Float64Array {
  const count = rows.length / length;
  const mean = new Float64Array(length);
  for (let i = 0; i < rows.length; i++) mean[i % length]! += rows[i]!;
  for (let i = 0; i < length; i++) mean[i]! /= count;
  for (let i = 0; i < rows.length; i++) rows[i]! -= mean[i % length]!;
  return mean;
}

/** Returns the inner products of rows with each other, `[count, count]`, symmetric. */
function productsOf(rows: Float64Array, count: number, length: number): Float64Array {
  const kernel = new RowProducts(count, length);
  for (let row = 0; row < count; row++) {
    kernel.a.set(rows.subarray(row * length, (row + 1) * length), row * kernel.length);
  }
  kernel.add();
  const stride = paddedRows(count);
  const products = new Float64Array(count * count);
  for (let a = 0; a < count; a++) {
    for (let b = a; b < count; b++) {
      products[a * count + b] = kernel.target[a * stride + b]!;
      products[b * count + a] = kernel.target[a * stride + b]!;
    }
  }
  return products;
}

/** Returns sums of rows, each with the weights of one row of `weights`, `[weights / count, length]`. */
function combine(weights: Float64Array, rows: Float64Array, count: number, length: number): Float64Array {
  const sums = new Float64Array((weights.length / count) * length);
  for (let target = 0; target * count < weights.length; target++) {
    for (let row = 0; row < count; row++) {
      const weight = weights[target * count + row]!;
      for (let i = 0; i < length; i++) sums[target * length + i]! += weight * rows[row * length + i]!;
    }
  }
  return sums;
}

/** Returns the band on which orthonormal loadings have the least. */
function leastUsedBand(loadings: Float64Array, bands: number): number {
  const used = new Float64Array(bands);
  for (let i = 0; i < loadings.length; i++) used[i % bands]! += loadings[i]! ** 2;
  return used.indexOf(used.reduce((least, value) => Math.min(least, value), Infinity));
}
