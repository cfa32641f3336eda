/** Resampling of spectra to the bands of another sensor: by the response of its bands, or by linear interpolation. */
import { failure } from '@hyperswap/errors';
import type { SensorBands } from './compare-bands.js';

/** Weights of one band of the result. */
export interface BandWeights {
  /** Bands of the source. */
  readonly bands: readonly number[];
  /** Weight of each; their sum is 1. */
  readonly weights: readonly number[];
}

/** Full width at half maximum of a Gaussian, in standard deviations. */
const deviationsOfFullWidth = 2 * Math.sqrt(2 * Math.LN2);
/** Number of intervals of Simpson's rule, even, whose error over a full width is then below 1e-10. */
const simpsonIntervals = 512;

interface Band {
  readonly index: number;
  readonly center: number;
  readonly fullWidth: number | undefined;
}

/**
 * Returns the weights that turn a spectrum of one sensor into that of another. Where the full widths of both are known,
 * a band is the mean of the source's bands that overlap it, weighted by its Gaussian response over the overlap (as
 * `BandResampler` of Spectral Python); otherwise, and where none overlaps, the value between its neighbours (as
 * `numpy.interp`). Bad bands of the source are not used. A band up to half the distance of bands beyond the source's
 * ends takes the last value; so do bad bands of the target, which nothing uses.
 *
 * @param file named in errors
 * @param source bands of the pixels
 * @param target bands that are wanted
 * @throws FIELD_INVALID when a band of the target lies outside the source's range, or fewer than two bands of the
 * source are good
 */
export function resamplingWeights(file: string, source: SensorBands, target: SensorBands): BandWeights[] {
  const given = sortedBands(source).filter(({ index }) => source.goodBands?.[index] !== false);
  const invalid = (reason: string): Error =>
    failure('FIELD_INVALID', { field: '--resample', reason: `${reason} (${file})` });
  if (given.length < 2) throw invalid('the file has fewer than two bands with a wavelength');
  const [first, second] = given as [Band, Band];
  const [last, lastButOne] = [given.at(-1)!, given.at(-2)!];
  const lowest = first.center - (second.center - first.center) / 2;
  const highest = last.center + (last.center - lastButOne.center) / 2;
  const isUsed = (index: number): boolean => target.goodBands?.[index] !== false;
  return target.wavelengths.map((center, index) => {
    if (isUsed(index) && (center < lowest || center > highest)) {
      throw invalid(
        `band ${index + 1} at ${center} nm lies outside the file's bands, ${first.center} to ${last.center} nm`,
      );
    }
    return byResponse(given, center, target.fullWidths?.[index]) ?? byInterpolation(given, center);
  });
}

function sortedBands({ wavelengths, fullWidths }: SensorBands): Band[] {
  return wavelengths
    .map((center, index) => ({ index, center, fullWidth: fullWidths?.[index] }))
    .sort((one, other) => one.center - other.center);
}

/** @returns undefined when a width is not known, or no band overlaps */
function byResponse(given: readonly Band[], center: number, fullWidth: number | undefined): BandWeights | undefined {
  if (fullWidth === undefined || !(fullWidth > 0)) return undefined;
  const bands: number[] = [];
  const shares: number[] = [];
  for (const band of given) {
    if (band.fullWidth === undefined) return undefined;
    const from = Math.max(band.center - band.fullWidth / 2, center - fullWidth / 2);
    const to = Math.min(band.center + band.fullWidth / 2, center + fullWidth / 2);
    if (from >= to) continue;
    bands.push(band.index);
    shares.push(gaussianIntegral(from - center, to - center, fullWidth / deviationsOfFullWidth));
  }
  if (bands.length === 0) return undefined;
  const sum = shares.reduce((total, share) => total + share, 0);
  return { bands, weights: shares.map((share) => share / sum) };
}

/** Returns the integral of exp(−x² / 2·deviation²), by Simpson's rule. */
function gaussianIntegral(from: number, to: number, deviation: number): number {
  const step = (to - from) / simpsonIntervals;
  let sum = 0;
  for (let i = 0; i <= simpsonIntervals; i++) {
    const factor = i === 0 || i === simpsonIntervals ? 1 : i % 2 === 1 ? 4 : 2;
    sum += factor * Math.exp(-(((from + i * step) / deviation) ** 2) / 2);
  }
  return (sum * step) / 3;
}

function byInterpolation(given: readonly Band[], center: number): BandWeights {
  const above = given.findIndex((band) => band.center >= center);
  if (above === 0) return { bands: [given[0]!.index], weights: [1] };
  if (above < 0) return { bands: [given.at(-1)!.index], weights: [1] };
  const [low, high] = [given[above - 1]!, given[above]!];
  const share = (center - low.center) / (high.center - low.center);
  if (share === 1) return { bands: [high.index], weights: [1] };
  return { bands: [low.index, high.index], weights: [1 - share, share] };
}
