import type { BandTable } from '../raster-format.js';

/** Bands of a sensor, as far as they are known. */
export interface SensorBands extends BandTable {
  /** False for bands without use; absent means that all are used. */
  readonly goodBands?: readonly boolean[] | undefined;
}

/** Wavelengths that differ by less are the same: sensors drift by parts of a nanometre, and files round. */
const toleranceNanometres = 1;
const shownAtEachEnd = 3;

/**
 * Returns true if two lists of wavelengths are of the same bands, each within 1 nm.
 *
 * @param one centres of the bands in nanometres; empty when unknown, which fits any other
 */
export function haveSameBands(one: readonly number[], other: readonly number[]): boolean {
  if (one.length === 0 || other.length === 0) return true;
  return (
    one.length === other.length &&
    one.every((wavelength, band) => Math.abs(wavelength - other[band]!) <= toleranceNanometres)
  );
}

/** Describes wavelengths in a few words: `224 bands (420.3, 426.1, 431.9 … 2438.6, 2445.9, 2450.1 nm)`. */
export function describeBands(wavelengths: readonly number[]): string {
  const shown = (list: readonly number[]): string => list.map((value) => String(Number(value.toFixed(1)))).join(', ');
  const { length } = wavelengths;
  const list =
    length <= 2 * shownAtEachEnd
      ? shown(wavelengths)
      : `${shown(wavelengths.slice(0, shownAtEachEnd))} … ${shown(wavelengths.slice(-shownAtEachEnd))}`;
  return `${length} ${length === 1 ? 'band' : 'bands'} (${list} nm)`;
}
