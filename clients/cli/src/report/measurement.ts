/** Circumstances of an accuracy in words: distance to training pixels, and calibration. */
import type { Circumstances } from '@hyperswap/map';
import type { Calibration, DistanceBin } from '@hyperswap/proto';
import { percent } from './report.js';

/** Names a range of distances, for example `2–3`. */
export function rangeOf({ from, to }: DistanceBin): string {
  if (to === 0) return `> ${from - 1}`;
  return from === to ? String(from) : `${from}–${to}`;
}

/**
 * Describes distances and calibration, a line each; none where a training of an earlier version did not measure them.
 */
export function describeMeasurement(
  { byDistance = [], calibrationError }: Pick<Circumstances, 'byDistance' | 'calibrationError'>,
  calibration?: Calibration,
): string[] {
  const bins = byDistance.filter(({ pixels }) => pixels > 0);
  const shares = bins.map((bin) => `${rangeOf(bin)}: ${percent(bin.correct / bin.pixels)} of ${bin.pixels}`);
  return [
    ...(bins.length === 0 ? [] : [`OA by distance to the nearest training pixel: ${shares.join(', ')}`]),
    ...(calibrationError === undefined ? [] : [`confidence and accuracy differ by ${percent(calibrationError)} (ECE)`]),
    ...(calibration === undefined ? [] : [describeCalibration(calibration)]),
  ];
}

/** Describes a calibration in one line. */
export function describeCalibration({ temperature, pixels, lossBefore, lossAfter }: Calibration): string {
  return (
    `calibrated with temperature ${temperature.toFixed(3)} on ${pixels} validation pixels ` +
    `(negative log-likelihood ${lossBefore.toFixed(3)} before, ${lossAfter.toFixed(3)} after)`
  );
}
