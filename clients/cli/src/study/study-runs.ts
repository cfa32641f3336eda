/** Runs of a study. Each run is stored as a file, so that an interrupted study resumes. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { LabelMapSplit, Split, StartTrainingRequest, TrainingFinished } from '@hyperswap/proto';
import { callUnary, toMilliseconds } from '@hyperswap/rpc';
import { referenceOf } from '../report/report.js';
import type { Session } from '../session.js';
import { parseSplit } from '../split.js';
import type { Progress } from '../terminal.js';
import { makeRandomBackbones, randomBackboneName, randomWeights } from './random-weights.js';
import { readPredictions, runTraining } from '../training.js';

export interface StudyPlan {
  readonly scene: string;
  /** Digest of the scene's content that all runs use. */
  readonly sceneDigest: string;
  readonly methods: readonly string[];
  /** Methods that use no backbone, one run for all of them, and take no settings of the others. */
  readonly baselines: readonly string[];
  readonly seeds: readonly number[];
  /** Names; `random` for random weights of the structure of `randomLike`. */
  readonly backbones: readonly string[];
  readonly randomLike: string;
  /** λ to sweep for the "+" methods, beside their default. */
  readonly lambdas: readonly number[];
  /** Value of `--split`; undefined for that of the preset. */
  readonly split: string | undefined;
  readonly preset: string;
  /** Label maps of the preset, where it names some. */
  readonly presetMaps: LabelMapSplit | undefined;
  /** Patch size for trainings: 0 for that of the preset or the default. */
  readonly patchSize: number;
  /** The patch size that this means. */
  readonly ownPatchSize: number;
  /** Patch sizes of spectral-only controls. */
  readonly controls: readonly number[];
  /** Each seed draws its own split. */
  readonly isRedrawn: boolean;
  readonly settings: Readonly<Record<string, string>>;
  /** Settings of one method, over the others. */
  readonly methodSettings: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** One training of a study. */
export interface StudyRun {
  readonly method: string;
  readonly seed: number;
  readonly backbone: string;
  /** Undefined for the method's default. */
  readonly lambda: number | undefined;
  /** Patch size of a spectral-only control; undefined for other runs. */
  readonly control?: number | undefined;
}

type Measured = 'byDistance' | 'distanceHistogram' | 'reliability';
type FinishedMetrics = NonNullable<TrainingFinished['metrics']>;
/** Metrics as a file holds them; files of earlier versions lack those of distance and confidence. */
export type StoredMetrics = Omit<FinishedMetrics, Measured> & Partial<Pick<FinishedMetrics, Measured>>;

/** Result of a run, as in its file. */
export interface RunResult extends StudyRun {
  readonly request: string;
  /** `name@7`; empty for baselines. */
  readonly adapter: string;
  readonly bytes: number;
  readonly parameters: number;
  readonly patchSize: number;
  readonly trainPixels: number;
  readonly split: string;
  readonly seconds: number;
  /** True if the training has seen the spectra of the test pixels; files of earlier versions lack it. */
  readonly sawTestSpectra?: boolean;
  /** Sentence to show with the result; absent in files of earlier versions. */
  readonly note?: string;
  readonly metrics: StoredMetrics;
  /** Settings that the training chose; absent in files of earlier versions. */
  readonly chosen?: Readonly<Record<string, string>>;
  readonly testPixels: readonly number[];
  /** Base64, one byte a pixel. */
  readonly testPredictions: string;
}

/** Returns a run's predictions where they lie in the scene, 0 elsewhere. */
export function testMap(
  { testPixels, testPredictions }: RunResult,
  { height, width }: { readonly height: number; readonly width: number },
): Uint8Array {
  const labels = new Uint8Array(height * width);
  const predictions = Buffer.from(testPredictions, 'base64');
  testPixels.forEach((pixel, i) => (labels[pixel] = predictions[i]!));
  return labels;
}

/** Returns every run, method by method. */
function studyRuns({ methods, baselines, seeds, backbones, lambdas, controls }: StudyPlan): StudyRun[] {
  return methods.flatMap((method) =>
    (baselines.includes(method) ? [usualBackbone(backbones)] : backbones).flatMap((backbone) =>
      seeds.flatMap((seed) => [
        { method, seed, backbone, lambda: undefined },
        ...(method.endsWith('+') ? lambdas.map((lambda) => ({ method, seed, backbone, lambda })) : []),
        ...(controlled.includes(method)
          ? controls.map((control) => ({ method, seed, backbone, lambda: undefined, control }))
          : []),
      ]),
    ),
  );
}

/** Returns the backbone that runs without one are filed under: the first that has a name of its own. */
function usualBackbone(backbones: readonly string[]): string {
  return backbones.find((name) => name !== randomWeights) ?? backbones[0]!;
}

/** Methods that have spectral-only controls: the simplest one with a backbone, and the strongest one without. */
const controlled = ['svm', 'linear-probe'];
/** Comparison methods that take every further step that adapters take, and the settings of these steps. */
const stepping = ['svm'];
const steps = ['pseudoLabels'];

/** Returns the common settings that a comparison method takes part in. */
export function stepsOf(method: string, settings: Readonly<Record<string, string>>): Record<string, string> {
  if (!stepping.includes(method)) return {};
  return Object.fromEntries(Object.entries(settings).filter(([key]) => steps.includes(key)));
}

/** Shift of training patches that the trainer reckons with at least. */
const usualShift = 1;
const usualBlockGuard = ({ ownPatchSize, settings }: StudyPlan): number =>
  Math.floor(ownPatchSize / 2) + Math.max(usualShift, Number(settings.shift ?? usualShift));

/** Returns the split of a seed; undefined for one that a preset draws. */
export function splitOf({ split, presetMaps }: StudyPlan, seed: number): Split | undefined {
  if (split !== undefined) return parseSplit(split, seed);
  return presetMaps && { kind: { $case: 'labelMaps', value: presetMaps } };
}

/** Returns the split of a control: the same test pixels as those of the other runs, though its patches are smaller. */
function controlSplit(plan: StudyPlan, seed: number): Split | undefined {
  const split = splitOf(plan, seed);
  if (split?.kind?.$case !== 'blocks') return split;
  const { value } = split.kind;
  return { kind: { $case: 'blocks', value: { ...value, guard: value.guard || usualBlockGuard(plan) } } };
}

/** Returns a run's name, also of its file and its adapter. */
export function runName({ method, seed, backbone, lambda, control }: StudyRun): string {
  const parts = [
    method.replace('+', '-plus'),
    backbone,
    ...(lambda === undefined ? [] : [`lambda${lambda}`]),
    ...(control === undefined ? [] : [`patch${control}`]),
    `seed${seed}`,
  ];
  return parts.join('.');
}

function requestOf(plan: StudyPlan, run: StudyRun): StartTrainingRequest {
  const own = plan.methodSettings[run.method] ?? {};
  const lambda: Record<string, string> = run.lambda === undefined ? {} : { lambda: String(run.lambda) };
  const isBaseline = plan.baselines.includes(run.method);
  const isControl = run.control !== undefined;
  // A control sees its own pixel: a shifted patch would be another one.
  const still: Record<string, string> = isControl ? { shift: '0' } : {};
  const drawn = plan.split === undefined ? undefined : parseSplit(plan.split, run.seed);
  const split = isControl ? controlSplit(plan, run.seed) : drawn;
  return {
    scene: plan.scene,
    sceneDigest: plan.sceneDigest,
    method: run.method,
    adapter: isBaseline ? '' : runName(run).slice(0, 64),
    backbone: run.backbone === randomWeights ? randomBackboneName(plan.randomLike, run.seed) : run.backbone,
    split,
    settings: isBaseline
      ? { ...stepsOf(run.method, plan.settings), ...own }
      : { ...plan.settings, ...own, ...lambda, ...still },
    seed: run.seed,
    patchSize: run.control ?? plan.patchSize,
    preset: plan.preset,
    choosePatchSize: false,
    resume: false,
    validateOnly: false,
  };
}

/**
 * Trains the missing runs. A run of another request is trained again.
 *
 * @param directory gets a file a run
 */
export async function runStudy(
  session: Session,
  plan: StudyPlan,
  directory: string,
  progress: Progress,
): Promise<RunResult[]> {
  await mkdir(directory, { recursive: true });
  const runs = studyRuns(plan);
  if (runs.some(({ backbone, method }) => backbone === randomWeights && !plan.baselines.includes(method))) {
    await makeRandomBackbones(session, plan.randomLike, plan.seeds, progress);
  }
  // A mistake in the last method's settings shows before the first training.
  const trainings = runs.map((run) => requestOf(plan, run));
  await callUnary(session.trainings, 'checkTrainings', { trainings }, { signal: session.signal });
  const results: RunResult[] = [];
  for (const [index, run] of runs.entries()) {
    progress.update('study', index, runs.length, runName(run));
    const request = requestOf(plan, run);
    const file = path.join(directory, `${runName(run)}.json`);
    const fingerprint = JSON.stringify(request);
    const found = await readRun(file);
    if (found?.request === fingerprint) {
      results.push(found);
      continue;
    }
    const finished = await runTraining(session, request, progress);
    const { adapter, metrics, elapsed, split, trainPixels, parameters, chosenSettings } = finished.result;
    const { pixels, predictions } = await readPredictions(session, finished.training);
    const result: RunResult = {
      ...run,
      request: fingerprint,
      adapter: adapter === undefined ? '' : referenceOf(adapter),
      bytes: adapter?.bytes ?? 0,
      parameters,
      patchSize: finished.result.patchSize,
      trainPixels,
      split,
      seconds: toMilliseconds(elapsed) / 1000,
      sawTestSpectra: finished.result.sawTestSpectra,
      note: finished.result.note,
      metrics: metrics!,
      chosen: chosenSettings,
      testPixels: pixels,
      testPredictions: Buffer.from(predictions).toString('base64'),
    };
    await writeFile(file, `${JSON.stringify(result)}\n`);
    results.push(result);
  }
  progress.update('study', runs.length, runs.length);
  return results;
}

/** Reads a run of an earlier study; undefined when there is none, or its file was cut off. */
async function readRun(file: string): Promise<RunResult | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  try {
    return JSON.parse(text) as RunResult;
  } catch {
    return undefined;
  }
}
