/** Temperature scaling of logits (Guo et al. 2017, arXiv:1706.04599). */

/** Logits of labelled pixels. */
export interface LabelledLogits {
  /** `[pixels, classes]` */
  readonly logits: Float32Array;
  /** Class of each pixel, from 1. */
  readonly labels: Uint8Array;
  readonly classes: number;
}

/** Limits of 1 / T: a discriminant analysis on diffused features has logits that are hundreds of times too large. */
const [lowest, highest] = [1e-3, 1e2];
const maximumSteps = 100;
const precision = 1e-9;

/** Returns the mean negative log-likelihood of pixels in nats. @param scale 1 / T */
export function meanLoss({ logits, labels, classes }: LabelledLogits, scale: number): number {
  let sum = 0;
  labels.forEach((label, pixel) => {
    const row = logits.subarray(pixel * classes, (pixel + 1) * classes);
    const largest = row.reduce((most, value) => Math.max(most, value), -Infinity);
    const total = row.reduce((all, value) => all + Math.exp(scale * (value - largest)), 0);
    sum += Math.log(total) - scale * (row[label - 1]! - largest);
  });
  return sum / labels.length;
}

/**
 * Returns the temperature with the lowest negative log-likelihood of pixels, by Newton's method within an interval that
 * halves where a step leaves it. One more pixel, of no class in particular, keeps the temperature above 0 where all
 * pixels are right.
 *
 * @param given at least one pixel
 */
export function fitTemperature(given: LabelledLogits): number {
  // The likelihood is concave in 1 / T, so that its slope has one zero.
  let [low, high] = [lowest, highest];
  let scale = 1;
  for (let step = 0; step < maximumSteps && high - low > precision * scale; step++) {
    const { slope, curvature } = slopeAt(given, scale);
    if (slope > 0) high = scale;
    else low = scale;
    const next = scale - slope / curvature;
    const isInside = next > low && next < high;
    if (isInside && Math.abs(next - scale) < precision * scale) break;
    scale = isInside ? next : (low + high) / 2;
  }
  return 1 / scale;
}

/**
 * Returns the derivatives of the loss with respect to 1 / T: the mean logit less the label's, and the logits' variance.
 */
function slopeAt(
  { logits, labels, classes }: LabelledLogits,
  scale: number,
): { readonly slope: number; readonly curvature: number } {
  let slope = 0;
  let curvature = 0;
  const prior = 1 / labels.length;
  labels.forEach((label, pixel) => {
    const row = logits.subarray(pixel * classes, (pixel + 1) * classes);
    const largest = row.reduce((most, value) => Math.max(most, value), -Infinity);
    let [total, first, second, plain] = [0, 0, 0, 0];
    for (const value of row) {
      const weight = Math.exp(scale * (value - largest));
      total += weight;
      first += weight * (value - largest);
      second += weight * (value - largest) ** 2;
      plain += (value - largest) / classes;
    }
    const mean = first / total;
    slope += mean - (row[label - 1]! - largest) + prior * (mean - plain);
    curvature += (1 + prior) * Math.max(0, second / total - mean ** 2);
  });
  return { slope, curvature: Math.max(curvature, Number.MIN_VALUE) };
}
