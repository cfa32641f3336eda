import type { DistanceBin } from './by-distance.js';
import type { ReliabilityBin } from './reliability.js';

/** Agreement of predictions with labels (Congalton 1991, doi:10.1016/0034-4257(91)90048-B). */
export interface Metrics extends Circumstances {
  /** OA: share of the pixels. */
  readonly overallAccuracy: number;
  /** AA: mean recall of the classes that occur. */
  readonly averageAccuracy: number;
  /** Cohen's kappa. */
  readonly kappa: number;
  readonly perClass: readonly ClassMetrics[];
  /** `[classes, classes]`: rows are the true classes, columns the predicted ones. */
  readonly confusion: readonly number[];
}

/** Circumstances of the agreement on test pixels of a training; absent where they are not known. */
export interface Circumstances {
  /** Share of the test pixels whose patch holds a training pixel. */
  readonly patchOverlap?: number | undefined;
  /** Agreement by distance to the nearest training pixel. */
  readonly byDistance?: readonly DistanceBin[] | undefined;
  /** Test pixels at distance 1, 2 and so on from the nearest training pixel; the last value counts all farther ones. */
  readonly distanceHistogram?: readonly number[] | undefined;
  /** Reliability curve, where the method gives a confidence. */
  readonly reliability?: readonly ReliabilityBin[] | undefined;
  /** Expected calibration error of that curve, from 0 to 1. */
  readonly calibrationError?: number | undefined;
}

export interface ClassMetrics {
  readonly name: string;
  readonly recall: number;
  readonly precision: number;
  readonly f1: number;
  /** Test pixels of the class. */
  readonly pixels: number;
}

/** @param labels and predictions from 1, in the same order */
export function evaluate(labels: Uint8Array, predictions: Uint8Array, classNames: readonly string[]): Metrics {
  const classes = classNames.length;
  const confusion = new Array<number>(classes * classes).fill(0);
  labels.forEach((label, i) => (confusion[(label - 1) * classes + predictions[i]! - 1]! += 1));
  return metricsOf(confusion, classNames);
}

/** @param confusion `[classes, classes]`: rows are the true classes, columns the predicted ones */
export function metricsOf(confusion: readonly number[], classNames: readonly string[]): Metrics {
  const classes = classNames.length;
  const total = confusion.reduce((sum, count) => sum + count, 0);
  const sum = (index: (k: number) => number): number => {
    let result = 0;
    for (let k = 0; k < classes; k++) result += confusion[index(k)]!;
    return result;
  };
  const truth = classNames.map((_, c) => sum((k) => c * classes + k));
  const predicted = classNames.map((_, c) => sum((k) => k * classes + c));
  const perClass = classNames.map((name, c) => {
    const hits = confusion[c * (classes + 1)]!;
    const recall = ratio(hits, truth[c]!);
    const precision = ratio(hits, predicted[c]!);
    return { name, recall, precision, f1: ratio(2 * hits, truth[c]! + predicted[c]!), pixels: truth[c]! };
  });
  const overallAccuracy = ratio(
    sum((k) => k * (classes + 1)),
    total,
  );
  const chance = truth.reduce(
    (agreement, count, c) => agreement + ratio(count, total) * ratio(predicted[c]!, total),
    0,
  );
  const present = perClass.filter(({ pixels }) => pixels > 0);
  return {
    overallAccuracy,
    averageAccuracy: ratio(
      present.reduce((recalls, { recall }) => recalls + recall, 0),
      present.length,
    ),
    kappa: ratio(overallAccuracy - chance, 1 - chance),
    perClass,
    confusion,
  };
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
