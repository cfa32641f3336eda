/** Summaries of many runs: mean and deviation over the seeds. */
import { spread, summarizeMetrics, type Metrics, type MetricsSummary, type Spread } from '@hyperswap/map';
import type { DistanceBin } from '@hyperswap/proto';
import { backboneLabel, randomWeights } from './random-weights.js';
import { runName, type RunResult } from './study-runs.js';

/** One line of the paper's tables: a method on a backbone, with a λ. */
export interface StudyLine extends MetricsSummary {
  readonly label: string;
  readonly method: string;
  readonly backbone: string;
  /** The method has no backbone. */
  readonly isBaseline: boolean;
  readonly lambda: number | undefined;
  /** Patch size of a spectral-only control. */
  readonly control: number | undefined;
  /** Share of the test pixels whose patch holds a training pixel, over the runs that measured it. */
  readonly patchOverlap: Spread;
  /** Expected calibration error, over the runs that give a confidence. */
  readonly calibrationError: Spread;
  /** Agreement by distance to the nearest training pixel, all runs together; empty where none measured it. */
  readonly byDistance: readonly DistanceBin[];
  readonly runs: readonly RunResult[];
  readonly seconds: Spread;
  /** True if the trainings have seen the spectra of the test pixels. */
  readonly sawTestSpectra: boolean;
  /** Sentences to show with the results; empty for none. */
  readonly notes: readonly string[];
  /** Overall accuracy of the smoothed maps; undefined where none were made. */
  readonly smoothedAccuracy: Spread | undefined;
}

/** Results of runs after smoothing; empty where nothing was smoothed. */
export type SmoothedRuns = ReadonlyMap<RunResult, Metrics>;

/**
 * @param results in the order that lines are to have
 * @param baselines methods without a backbone
 */
export function summarise(
  results: readonly RunResult[],
  smoothed: SmoothedRuns,
  baselines: readonly string[],
): StudyLine[] {
  const groups = new Map<string, RunResult[]>();
  for (const result of results) {
    const key = runName({ ...result, seed: 0 });
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  const isOneBackbone =
    new Set(results.map(({ backbone }) => backbone)).size === 1 && results[0]!.backbone !== randomWeights;
  return [...groups.values()].map((runs) => {
    const { method, backbone, lambda, control } = runs[0]!;
    const isBaseline = baselines.includes(method);
    const of = (value: (run: RunResult) => number): Spread => spread(runs.map(value));
    const label = [
      method,
      ...(isOneBackbone || isBaseline ? [] : [backboneLabel(backbone)]),
      ...(lambda === undefined ? [] : [`λ ${lambda}`]),
      ...(control === undefined ? [] : [`patch ${control}`]),
    ];
    const known = (value: (run: RunResult) => number | undefined): Spread =>
      spread(runs.flatMap((run) => value(run) ?? []));
    return {
      label: label.join(', '),
      method,
      backbone,
      isBaseline,
      lambda,
      control,
      patchOverlap: known(({ metrics }) => metrics.patchOverlap),
      calibrationError: known(({ metrics }) => metrics.calibrationError),
      byDistance: addBins(runs.map(({ metrics }) => metrics.byDistance ?? [])),
      runs,
      ...summarizeMetrics(runs.map(({ metrics }) => metrics)),
      seconds: of(({ seconds }) => seconds),
      sawTestSpectra: runs.some(({ sawTestSpectra }) => sawTestSpectra === true),
      notes: [...new Set(runs.flatMap(({ note = '' }) => (note === '' ? [] : [note])))],
      smoothedAccuracy: smoothed.size === 0 ? undefined : of((run) => smoothed.get(run)!.overallAccuracy),
    };
  });
}

/** Adds counts of the same ranges; runs of earlier versions have none. */
function addBins(given: readonly (readonly DistanceBin[])[]): DistanceBin[] {
  const measured = given.filter((bins) => bins.length > 0);
  const [first = []] = measured;
  return first.map(({ from, to }, index) => ({
    from,
    to,
    pixels: measured.reduce((sum, bins) => sum + (bins[index]?.pixels ?? 0), 0),
    correct: measured.reduce((sum, bins) => sum + (bins[index]?.correct ?? 0), 0),
  }));
}

/** Returns the settings that a run chose, as `window=5 cost=10`; empty where it chose none. */
export function describeChosen({ chosen = {} }: RunResult): string {
  return Object.entries(chosen)
    .sort()
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

/** One row a run, for spreadsheets and data frames. */
export function toCsv(results: readonly RunResult[], smoothed: SmoothedRuns): string {
  const header =
    'method,backbone,lambda,seed,patch_size,train_pixels,test_pixels,oa,aa,kappa,parameters,bytes,seconds,adapter,smoothed_oa,patch_overlap,calibration_error,chosen,saw_test_spectra,note';
  const rows = results.map((run) =>
    [
      run.method,
      run.backbone,
      run.lambda ?? '',
      run.seed,
      run.patchSize,
      run.trainPixels,
      run.testPixels.length,
      run.metrics.overallAccuracy.toFixed(6),
      run.metrics.averageAccuracy.toFixed(6),
      run.metrics.kappa.toFixed(6),
      run.parameters,
      run.bytes,
      run.seconds.toFixed(1),
      run.adapter,
      smoothed.get(run)?.overallAccuracy.toFixed(6) ?? '',
      run.metrics.patchOverlap?.toFixed(6) ?? '',
      run.metrics.calibrationError?.toFixed(6) ?? '',
      describeChosen(run),
      run.sawTestSpectra === true,
      run.note ?? '',
    ].join(','),
  );
  return `${[header, ...rows].join('\n')}\n`;
}
