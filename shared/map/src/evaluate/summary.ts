/** Summary of repeated runs: mean and standard deviation of their metrics. */
import type { Metrics } from './metrics.js';

/** Mean and spread of some values. */
export interface Spread {
  readonly mean: number;
  /** Standard deviation of a sample (n − 1); 0 for one value. */
  readonly deviation: number;
  readonly count: number;
}

/** Summary of the metrics of repeated runs. */
export interface MetricsSummary {
  readonly overallAccuracy: Spread;
  readonly averageAccuracy: Spread;
  readonly kappa: Spread;
  /** Recall of each class, over the runs in which the class has test pixels. */
  readonly recalls: readonly Spread[];
}

/** Returns mean and standard deviation. Both are 0 without values. */
export function spread(values: readonly number[]): Spread {
  const count = values.length;
  if (count === 0) return { mean: 0, deviation: 0, count };
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: count < 2 ? 0 : Math.sqrt(squares / (count - 1)), count };
}

/** Returns the summary of some runs, which may be of different classes. */
export function summarizeMetrics(runs: readonly Metrics[]): MetricsSummary {
  const classes = runs.reduce((most, { perClass }) => Math.max(most, perClass.length), 0);
  return {
    overallAccuracy: spread(runs.map(({ overallAccuracy }) => overallAccuracy)),
    averageAccuracy: spread(runs.map(({ averageAccuracy }) => averageAccuracy)),
    kappa: spread(runs.map(({ kappa }) => kappa)),
    recalls: Array.from({ length: classes }, (_, index) =>
      spread(runs.flatMap(({ perClass }) => ((perClass[index]?.pixels ?? 0) > 0 ? [perClass[index]!.recall] : []))),
    ),
  };
}
