import {
  accuracyByDistance,
  calibrationError,
  distanceHistogram,
  evaluate,
  reliabilityCurve,
  shareWithin,
  type Circumstances,
  type Metrics,
} from '@hyperswap/map';
import { distancesToTraining } from '@hyperswap/splits';
import type { Classified } from './engine/baselines/baseline.js';
import type { TrainingPlan } from './training-plan.js';

/** Result of a test. */
export interface Tested {
  /** Undefined where there are no test pixels. */
  readonly metrics: Metrics | undefined;
  /** Class of each of the plan's test pixels, from 1. */
  readonly predictions: Uint8Array;
}

/**
 * Measures a result on a plan's test pixels: agreement, agreement by distance to the nearest training pixel, and
 * calibration.
 *
 * @param side of the square around a pixel that the method looks at
 */
export async function measure(
  plan: TrainingPlan,
  { labels: predictions, confidence }: Classified,
  side = plan.patchSize,
): Promise<Tested> {
  const { pixels, labels } = plan.test;
  const names = plan.classes.map(({ name }) => name);
  const distances = await distancesToTraining(plan.train.pixels, pixels, plan.scene.raster!);
  const reliability = confidence && reliabilityCurve(labels, predictions, confidence);
  const circumstances: Circumstances = {
    patchOverlap: shareWithin(distances, Math.floor(side / 2)),
    byDistance: accuracyByDistance(distances, labels, predictions),
    distanceHistogram: distanceHistogram(distances),
    ...(reliability && { reliability, calibrationError: calibrationError(reliability) }),
  };
  return { predictions, metrics: { ...evaluate(labels, predictions, names), ...circumstances } };
}
