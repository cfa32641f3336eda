/** Agreement of a map that is partly interpolated with the map of exact labels, measured on a random sample. */

/** Counts of pixels; those of the parts of a map add up. */
export interface AgreementCounts {
  /** Pixels with data. */
  readonly pixels: number;
  /** Pixels that the model classified. */
  readonly classified: number;
  /** Pixels that the rule left to interpolation, sampled ones among them. */
  readonly interpolated: number;
  /** Those of them in the random sample: they were classified too. */
  readonly sampled: number;
  /** Pixels of the sample whose interpolated label is not the model's. */
  readonly wrong: number;
}

/** Share of pixels with the model's label, and its 95 % interval (Wilson, 1927). */
export interface Agreement {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Standard deviations of a 95 % interval. */
const deviations = 1.96;

/** Counts of no pixels. */
export const noCounts: AgreementCounts = { pixels: 0, classified: 0, interpolated: 0, sampled: 0, wrong: 0 };

/** Adds the counts of two parts of a map. */
export function addCounts(a: AgreementCounts, b: AgreementCounts): AgreementCounts {
  return {
    pixels: a.pixels + b.pixels,
    classified: a.classified + b.classified,
    interpolated: a.interpolated + b.interpolated,
    sampled: a.sampled + b.sampled,
    wrong: a.wrong + b.wrong,
  };
}

/** Returns the agreement of a map. Without a sample the lower bound is the share of classified pixels. */
export function agreementOf({ pixels, interpolated, sampled, wrong }: AgreementCounts): Agreement {
  if (pixels === 0 || interpolated === 0) return { value: 1, low: 1, high: 1 };
  // Sampled pixels hold the model's label.
  const share = (interpolated - sampled) / pixels;
  if (sampled === 0) return { value: 1 - share / 2, low: 1 - share, high: 1 };
  const rate = wrong / sampled;
  const square = deviations ** 2 / sampled;
  const centre = (rate + square / 2) / (1 + square);
  const half = (deviations * Math.sqrt((rate * (1 - rate)) / sampled + square / (4 * sampled))) / (1 + square);
  return { value: 1 - share * rate, low: 1 - share * (centre + half), high: 1 - share * Math.max(0, centre - half) };
}
