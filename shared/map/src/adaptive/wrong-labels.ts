/** Probability that an interpolated label is wrong, learned from pixels whose exact label became known later. */

/** Newton steps; a fit in two values converges in fewer. */
const steps = 25;
/** Weight of the pull towards 0 on the slope, so that few or separable observations keep it finite. */
const ridge = 1e-2;

/**
 * Logistic function of the margin between the two most probable classes, fitted as in Platt, "Probabilistic outputs for
 * support vector machines" (1999), with two made-up observations: a wrong label at margin 0, and a right one at 1.
 */
export class WrongLabels {
  private readonly margins: number[] = [0, 1];
  private readonly wrong: number[] = [1, 0];

  /** Adds a pixel. @param margin of the interpolated probabilities, 0 to 1 */
  observe(margin: number, isWrong: boolean): void {
    this.margins.push(margin);
    this.wrong.push(isWrong ? 1 : 0);
  }

  /**
   * Fits the function.
   *
   * @param more observations that count this time only
   * @returns the probability of a wrong label at a margin
   */
  fit(more: readonly { readonly margin: number; readonly isWrong: boolean }[]): (margin: number) => number {
    const margins = [...this.margins, ...more.map(({ margin }) => margin)];
    const wrong = [...this.wrong, ...more.map(({ isWrong }) => (isWrong ? 1 : 0))];
    let [bias, slope] = [0, 0];
    for (let step = 0; step < steps; step++) {
      // Gradient and Hessian of the negative log-likelihood.
      let [g0, g1, h00, h01, h11] = [0, ridge * slope, 1e-9, 0, ridge];
      for (let i = 0; i < margins.length; i++) {
        const margin = margins[i]!;
        const probability = logistic(bias + slope * margin);
        const error = probability - wrong[i]!;
        const weight = probability * (1 - probability);
        g0 += error;
        g1 += error * margin;
        h00 += weight;
        h01 += weight * margin;
        h11 += weight * margin * margin;
      }
      const determinant = h00 * h11 - h01 * h01;
      const change = [(h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant] as const;
      bias -= change[0];
      slope -= change[1];
      if (Math.abs(change[0]) + Math.abs(change[1]) < 1e-6) break;
    }
    return (margin) => logistic(bias + slope * margin);
  }
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
