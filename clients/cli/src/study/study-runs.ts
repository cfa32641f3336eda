/** The runs of a study: which there are, and each as a file, so that a study goes on where it stopped. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { StartTrainingRequest, TrainingFinished } from '@hyperswap/proto';
import { callUnary, toMilliseconds } from '@hyperswap/rpc';
import { referenceOf } from '../report/report.js';
import type { Session } from '../session.js';
import { parseSplit } from '../split.js';
import type { Progress } from '../terminal.js';
import { readPredictions, runTraining } from '../training.js';

export interface StudyPlan {
  readonly scene: string;
  /** Content that all runs keep to. */
  readonly sceneDigest: string;
  readonly methods: readonly string[];
  /** Methods that use no backbone, one run for all of them, and take no settings of the others. */
  readonly baselines: readonly string[];
  readonly seeds: readonly number[];
  readonly backbones: readonly string[];
  /** λ to sweep for the "+" methods, beside their default. */
  readonly lambdas: readonly number[];
  /** As `--split` takes it; undefined for the preset's. */
  readonly split: string | undefined;
  readonly preset: string;
  readonly patchSize: number;
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
}

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
  readonly metrics: NonNullable<TrainingFinished['metrics']>;
  readonly testPixels: readonly number[];
  /** Base64, one byte a pixel. */
  readonly testPredictions: string;
}

/** A run's predictions where they lie in the scene, 0 elsewhere. */
export function testMap(
  { testPixels, testPredictions }: RunResult,
  { height, width }: { readonly height: number; readonly width: number },
): Uint8Array {
  const labels = new Uint8Array(height * width);
  const predictions = Buffer.from(testPredictions, 'base64');
  testPixels.forEach((pixel, i) => (labels[pixel] = predictions[i]!));
  return labels;
}

/** Every run, method by method. */
function studyRuns({ methods, baselines, seeds, backbones, lambdas }: StudyPlan): StudyRun[] {
  return methods.flatMap((method) =>
    (baselines.includes(method) ? backbones.slice(0, 1) : backbones).flatMap((backbone) =>
      seeds.flatMap((seed) => [
        { method, seed, backbone, lambda: undefined },
        ...(method.endsWith('+') ? lambdas.map((lambda) => ({ method, seed, backbone, lambda })) : []),
      ]),
    ),
  );
}

/** A run's name, also of its file and its adapter. */
export function runName({ method, seed, backbone, lambda }: StudyRun): string {
  const parts = [
    method.replace('+', '-plus'),
    backbone,
    ...(lambda === undefined ? [] : [`lambda${lambda}`]),
    `seed${seed}`,
  ];
  return parts.join('.');
}

function requestOf(plan: StudyPlan, run: StudyRun): StartTrainingRequest {
  const own = plan.methodSettings[run.method] ?? {};
  const lambda: Record<string, string> = run.lambda === undefined ? {} : { lambda: String(run.lambda) };
  const isBaseline = plan.baselines.includes(run.method);
  return {
    scene: plan.scene,
    sceneDigest: plan.sceneDigest,
    method: run.method,
    adapter: isBaseline ? '' : runName(run).slice(0, 64),
    backbone: run.backbone,
    split: plan.split === undefined ? undefined : parseSplit(plan.split, run.seed),
    settings: isBaseline ? { ...own } : { ...plan.settings, ...own, ...lambda },
    seed: run.seed,
    patchSize: plan.patchSize,
    preset: plan.preset,
    choosePatchSize: false,
    resume: false,
    validateOnly: false,
  };
}

/**
 * Trains what is not there yet. A run that was made of another request is made again.
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
    const { adapter, metrics, elapsed, split, trainPixels, parameters } = finished.result;
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
      metrics: metrics!,
      testPixels: pixels,
      testPredictions: Buffer.from(predictions).toString('base64'),
    };
    await writeFile(file, `${JSON.stringify(result)}\n`);
    results.push(result);
  }
  progress.update('study', runs.length, runs.length);
  return results;
}

/** A run of an earlier study; undefined when there is none, or its file was cut off. */
async function readRun(file: string): Promise<RunResult | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  try {
    return JSON.parse(text) as RunResult;
  } catch {
    return undefined;
  }
}
