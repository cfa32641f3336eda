/** Significance of the difference in accuracy between two classifications of the same pixels. */
export interface McNemar {
  /** Pixels that only the first classification has right, and pixels that only the second has right. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** (|b − c| − 1)² / (b + c), chi-squared with one degree of freedom. */
  readonly statistic: number;
  /** Two-sided probability of such a difference if both were equally accurate. */
  readonly probability: number;
}

/**
 * McNemar's test with continuity correction (McNemar 1947, doi:10.1007/BF02295996; for maps Foody 2004,
 * doi:10.14358/PERS.70.5.627). Neighbouring pixels are not independent, so the test reports significance too early.
 *
 * @param labels and both predictions in the same order
 */
export function mcnemar(labels: Uint8Array, first: Uint8Array, second: Uint8Array): McNemar {
  let onlyFirst = 0;
  let onlySecond = 0;
  labels.forEach((label, i) => {
    const [a, b] = [first[i] === label, second[i] === label];
    if (a && !b) onlyFirst += 1;
    if (b && !a) onlySecond += 1;
  });
  const discordant = onlyFirst + onlySecond;
  const statistic = discordant === 0 ? 0 : Math.max(0, Math.abs(onlyFirst - onlySecond) - 1) ** 2 / discordant;
  return { onlyFirst, onlySecond, statistic, probability: complementaryErrorFunction(Math.sqrt(statistic / 2)) };
}

/** erfc for x ≥ 0, to 1.2 · 10⁻⁷ relative (Press et al., Numerical Recipes, 2nd edition, section 6.2). */
function complementaryErrorFunction(x: number): number {
  const t = 1 / (1 + 0.5 * x);
  const coefficients = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
  ];
  const polynomial = coefficients.reduceRight((sum, coefficient) => sum * t + coefficient, 0);
  return t * Math.exp(-x * x + polynomial);
}
