/** Of one component's scores over a scene. */
export interface ComponentStatistics {
  readonly mean: number;
  /** With n in the denominator. */
  readonly deviation: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** @param scores `[pixels, components]`, row by row */
export function componentStatistics(scores: Float32Array, components: number): ComponentStatistics[] {
  const pixels = scores.length / components;
  return Array.from({ length: components }, (_, component) => {
    let sum = 0;
    let minimum = Infinity;
    let maximum = -Infinity;
    for (let i = component; i < scores.length; i += components) {
      const value = scores[i]!;
      sum += value;
      if (value < minimum) minimum = value;
      if (value > maximum) maximum = value;
    }
    const mean = sum / pixels;
    let squares = 0;
    for (let i = component; i < scores.length; i += components) squares += (scores[i]! - mean) ** 2;
    return { mean, deviation: Math.sqrt(squares / pixels), minimum, maximum };
  });
}
