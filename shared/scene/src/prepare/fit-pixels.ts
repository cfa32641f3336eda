import { CovarianceAccumulator, CovarianceKernel, type Coordinates } from './covariance.js';
import { fitCovariance, fitFewPixels, fitRotated, toPca, type Pca } from './pca.js';

/**
 * Fits the principal components of spectra in memory, by the arithmetic of a preparation in one thread.
 *
 * @param values `[pixels, bands]`
 * @param mask `[pixels]`: 1 for those that count, at least one
 * @param count of components, at most `bands`
 */
export function fitPixels(values: Float32Array, mask: Uint8Array, bands: number, count: number): Pca {
  const goodBands = Array.from({ length: bands }, (_, band) => band);
  const rule = { bands, goodBands, nodata: undefined, zeroIsNodata: false };
  const pixels = Int32Array.from(mask.keys()).filter((pixel) => mask[pixel] === 1);
  if (pixels.length <= bands) {
    const spectra = new Float64Array(pixels.length * bands);
    pixels.forEach((pixel, i) => spectra.set(values.subarray(pixel * bands, (pixel + 1) * bands), i * bands));
    return toPca(fitFewPixels(spectra, bands, count), rule);
  }
  const origin = new Float64Array(bands);
  for (const pixel of pixels) for (const band of goodBands) origin[band]! += values[pixel * bands + band]!;
  for (const band of goodBands) origin[band]! /= pixels.length;
  const sum = (coordinates: Coordinates): CovarianceAccumulator => {
    const target = new CovarianceAccumulator(bands);
    new CovarianceKernel(rule, coordinates).add(values, mask, target);
    return target;
  };
  const { components, rotated } = fitCovariance(sum({ origin }), { origin }, count);
  return toPca(rotated === undefined ? components : fitRotated(sum(rotated), rotated, count), rule);
}
