/** Calibration: agreement of confidence with accuracy (Guo et al. 2017, arXiv:1706.04599). */

/** Pixels of similar confidence. */
export interface ReliabilityBin {
  /** Mean confidence, from 0 to 1. */
  readonly confidence: number;
  /** Pixels. */
  readonly pixels: number;
  /** Pixels that are right. */
  readonly correct: number;
}

/** Bins of equal width, as many as Guo et al. use. */
const bins = 15;

/**
 * Returns the reliability curve: the bins that hold pixels, from the lowest confidence to the highest. All arguments
 * are of the same pixels.
 *
 * @param confidence in 255ths, as a map stores it
 */
export function reliabilityCurve(
  labels: Uint8Array,
  predictions: Uint8Array,
  confidence: Uint8Array,
): ReliabilityBin[] {
  const sums = Array.from({ length: bins }, () => ({ confidence: 0, pixels: 0, correct: 0 }));
  confidence.forEach((value, i) => {
    const bin = sums[Math.min(bins - 1, Math.floor((bins * value) / 255))]!;
    bin.confidence += value / 255;
    bin.pixels += 1;
    if (labels[i] === predictions[i]) bin.correct += 1;
  });
  return sums
    .filter(({ pixels }) => pixels > 0)
    .map(({ confidence: sum, pixels, correct }) => ({ confidence: sum / pixels, pixels, correct }));
}

/**
 * Returns the expected calibration error of a curve: the mean difference of confidence and accuracy over the pixels.
 */
export function calibrationError(curve: readonly ReliabilityBin[]): number {
  const total = curve.reduce((sum, { pixels }) => sum + pixels, 0);
  const gaps = curve.map(({ confidence, pixels, correct }) => Math.abs(confidence * pixels - correct));
  return total === 0 ? 0 : gaps.reduce((sum, gap) => sum + gap, 0) / total;
}
