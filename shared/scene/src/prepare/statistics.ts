/** Statistics of one component's scores over the pixels with data. */
export interface ComponentStatistics {
  readonly mean: number;
  /** Standard deviation, with n in the denominator. */
  readonly deviation: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** Moments of the scores of some pixels, `[components]` each. They can be sent to another thread. */
export interface ScoreMoments {
  readonly count: number;
  readonly mean: Float64Array;
  /** Sums of squared differences from the mean. */
  readonly squares: Float64Array;
  readonly minimum: Float64Array;
  readonly maximum: Float64Array;
}

/** Returns the moments of scores. @param scores `[pixels, components]`, row by row */
export function scoreMoments(scores: Float32Array, components: number): ScoreMoments {
  const count = scores.length / components;
  const mean = new Float64Array(components);
  const squares = new Float64Array(components);
  const minimum = new Float64Array(components).fill(Infinity);
  const maximum = new Float64Array(components).fill(-Infinity);
  for (let component = 0; component < components; component++) {
    let sum = 0;
    for (let i = component; i < scores.length; i += components) {
      const value = scores[i]!;
      sum += value;
      if (value < minimum[component]!) minimum[component] = value;
      if (value > maximum[component]!) maximum[component] = value;
    }
    const middle = count === 0 ? 0 : sum / count;
    let differences = 0;
    for (let i = component; i < scores.length; i += components) differences += (scores[i]! - middle) ** 2;
    mean[component] = middle;
    squares[component] = differences;
  }
  return { count, mean, squares, minimum, maximum };
}

/** Returns the moments of two groups of pixels together (Chan, Golub and LeVeque 1979). */
export function mergeMoments(a: ScoreMoments, b: ScoreMoments): ScoreMoments {
  if (a.count === 0) return b;
  if (b.count === 0) return a;
  const count = a.count + b.count;
  const difference = b.mean.map((mean, i) => mean - a.mean[i]!);
  return {
    count,
    mean: a.mean.map((mean, i) => mean + (difference[i]! * b.count) / count),
    squares: a.squares.map((value, i) => value + b.squares[i]! + (difference[i]! ** 2 * a.count * b.count) / count),
    minimum: a.minimum.map((value, i) => Math.min(value, b.minimum[i]!)),
    maximum: a.maximum.map((value, i) => Math.max(value, b.maximum[i]!)),
  };
}

/** Returns the statistics that moments stand for. */
export function toStatistics({ count, mean, squares, minimum, maximum }: ScoreMoments): ComponentStatistics[] {
  return Array.from(mean, (value, i) => ({
    mean: value,
    deviation: Math.sqrt(squares[i]! / count),
    minimum: minimum[i]!,
    maximum: maximum[i]!,
  }));
}

/** Returns the statistics of scores. @param scores `[pixels, components]`, row by row */
export function componentStatistics(scores: Float32Array, components: number): ComponentStatistics[] {
  return toStatistics(scoreMoments(scores, components));
}
