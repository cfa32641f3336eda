import type { AdapterVersion, Calibration, WatchTrainingResponse } from '@hyperswap/proto';
import type { Metrics } from '@hyperswap/map';
import { toMetricsMessage } from '@hyperswap/registry';
import { toDuration } from '@hyperswap/rpc';
import type { Predictions } from './predictions.js';
import type { TrainingPlan } from './training-plan.js';

/** Maximum values of a curve in a result. */
const maximumCurve = 1000;

/** Result of a training or pretraining: the last message to its watchers, and data too large for a message. */
export interface TrainingOutcome {
  readonly response: WatchTrainingResponse;
  readonly predictions?: Predictions;
}

/** Returns at most 1,000 values of a curve, evenly spaced, the last one included. */
export function shortCurve(values: readonly number[]): number[] {
  if (values.length <= maximumCurve) return [...values];
  const step = (values.length - 1) / (maximumCurve - 1);
  return Array.from({ length: maximumCurve }, (_, index) => values[Math.round(index * step)]!);
}

/** Returns the result of a training. @param start time of its start, of `performance.now()` */
export function finished(
  plan: TrainingPlan,
  result: {
    readonly metrics: Metrics | undefined;
    readonly predictions: Uint8Array;
    readonly parameters: number;
    readonly start: number;
    readonly adapter?: AdapterVersion;
    readonly lossByEpoch?: readonly number[];
    readonly accuracyByEpoch?: readonly number[];
    readonly newBackbone?: string;
    readonly calibration?: Calibration | undefined;
    readonly chosenSettings?: Readonly<Record<string, string>> | undefined;
    /** True if the training has seen the spectra of the test pixels. @default false */
    readonly sawTestSpectra?: boolean;
    /** Sentence that every table shows with the result. */
    readonly note?: string | undefined;
  },
): TrainingOutcome {
  const { metrics, predictions, parameters, start, adapter } = result;
  const value = {
    adapter,
    metrics: metrics && toMetricsMessage(metrics),
    lossByEpoch: shortCurve(result.lossByEpoch ?? []),
    validationAccuracyByEpoch: shortCurve(result.accuracyByEpoch ?? []),
    elapsed: toDuration(performance.now() - start),
    testPixels: plan.test.pixels.length,
    patchSize: plan.patchSize,
    trainPixels: plan.train.pixels.length,
    split: plan.split,
    parameters,
    newBackbone: result.newBackbone ?? '',
    calibration: result.calibration,
    chosenSettings: { ...result.chosenSettings },
    sawTestSpectra: result.sawTestSpectra ?? false,
    note: result.note ?? '',
  };
  return {
    response: { event: { $case: 'finished', value } },
    predictions: { pixels: plan.test.pixels, labels: predictions },
  };
}
