/** No sensor's wavelengths in micrometres reach this, and none's in nanometres stay below. */
const largestInMicrometres = 100;

const nanometres: Readonly<Record<string, number>> = {
  nanometer: 1,
  nanometers: 1,
  nanometre: 1,
  nanometres: 1,
  nm: 1,
  micrometer: 1000,
  micrometers: 1000,
  micrometre: 1000,
  micrometres: 1000,
  micron: 1000,
  microns: 1000,
  um: 1000,
  µm: 1000,
  μm: 1000,
  millimeter: 1e6,
  millimeters: 1e6,
  mm: 1e6,
  meter: 1e9,
  meters: 1e9,
  m: 1e9,
  angstrom: 0.1,
  angstroms: 0.1,
};

/**
 * Returns wavelengths, or widths, in nanometres.
 *
 * @param unit name in the file; an unknown unit is inferred from the size of the wavelengths
 * @param wavelengths that tell an unknown unit, where `values` are widths
 */
export function nanometresOf(values: readonly number[], unit: string | undefined, wavelengths = values): number[] {
  const guessed = wavelengths.every((value) => Math.abs(value) < largestInMicrometres) ? 1000 : 1;
  const factor = nanometres[(unit ?? '').trim().toLowerCase()] ?? guessed;
  // Micrometres of three decimals stay round numbers.
  return values.map((value) => Number((value * factor).toPrecision(12)));
}
