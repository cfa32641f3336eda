import type { AdapterVersion, WatchTrainingResponse } from '@hyperswap/proto';
import type { Metrics } from '@hyperswap/map';
import type { TrainingPlan } from './training-plan.js';

/** What a training tells at its end. @param start when it began, of `performance.now()` */
export function finished(
  plan: TrainingPlan,
  result: {
    readonly metrics: Metrics;
    readonly predictions: Uint8Array;
    readonly parameters: number;
    readonly start: number;
    readonly adapter?: AdapterVersion;
    readonly lossByEpoch?: readonly number[];
    readonly accuracyByEpoch?: readonly number[];
    readonly newBackbone?: string;
  },
): WatchTrainingResponse {
  const { metrics, predictions, parameters, start, adapter } = result;
  return {
    event: {
      $case: 'finished',
      value: {
        adapter,
        metrics: { ...metrics, perClass: [...metrics.perClass], confusion: [...metrics.confusion] },
        lossByEpoch: [...(result.lossByEpoch ?? [])],
        validationAccuracyByEpoch: [...(result.accuracyByEpoch ?? [])],
        seconds: (performance.now() - start) / 1000,
        testPixels: [...plan.test.pixels],
        testPredictions: Buffer.from(predictions),
        patchSize: plan.patchSize,
        trainPixels: plan.train.pixels.length,
        split: plan.split,
        parameters,
        newBackbone: result.newBackbone ?? '',
      },
    },
  };
}
