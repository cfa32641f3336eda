import {
  findRival,
  type ComponentsRival,
  type Rival,
  type RivalProgress,
  type SceneRival,
  type WindowRival,
} from '@hyperswap/rivals';
import { failure, throwIfAborted } from '@hyperswap/errors';
import type { TrainingCheckpoint } from '@hyperswap/tensor';
import type { Scene, StartTrainingRequest } from '@hyperswap/proto';
import type { Classified } from './engine/baselines/baseline.js';
import { Checkpoints, toCheckpoint } from './checkpoints.js';
import { measure } from './measure.js';
import { joinParts, predictPixels, type ClassifiedPart } from './predict-pixels.js';
import { findPreset } from './presets.js';
import { checkComparison } from './run-baseline.js';
import { gatherSpectra, spectraWindows, usableBands, wholeScene } from './spectra-windows.js';
import type { TrainingContext } from './training-context.js';
import { namedPatchSize, planTraining, type TrainingPlan } from './training-plan.js';
import { finished, type TrainingOutcome } from './training-result.js';

/**
 * Trains a rival on the same pixels as an adapter, on all bands, and tests it. Nothing is registered. A run that is
 * interrupted leaves its last checkpoint; a successful run removes it.
 */
export async function runRival(request: StartTrainingRequest, context: TrainingContext): Promise<TrainingOutcome> {
  const rival = findRival(request.method)!;
  if (rival.sees === 'windows') return runOnWindows(rival, request, context);
  return rival.sees === 'scene' ? runOnScene(rival, request, context) : runOnComponents(rival, request, context);
}

async function runOnWindows(
  rival: WindowRival,
  request: StartTrainingRequest,
  context: TrainingContext,
): Promise<TrainingOutcome> {
  const start = performance.now();
  const { engine, scenes, signal } = context;
  const { plan, patchSize, epochs } = await planRival(request, 0, context);
  const { scene, classes, test } = plan;
  const shape = { side: windowSide(rival, patchSize), bands: usableBands(scene) };
  const { scores: windows, labels } = await gatherSpectra(scenes, scene, plan.train, shape, signal);
  const name = crypto.randomUUID();
  const sizes = { side: shape.side, bands: shape.bands.length, classes: classes.length };
  const args = { name, rival: rival.name, windows, labels, ...sizes, epochs, seed: request.seed };
  const checkpoints = checkpointsOf(request, plan, context);
  const parameters = await fromCheckpoint(request, checkpoints, context, (resumed, onProgress) =>
    engine.call('fitWindowRival', { ...args, resumed }, { signal, onProgress }),
  );
  try {
    const batches = spectraWindows(scenes, scene, test.pixels, shape, signal);
    const classified = await predictPixels(name, test.pixels.length, batches, context);
    const tested = await measure(plan, classified, shape.side);
    await checkpoints.remove();
    return finished(plan, { ...tested, parameters, start });
  } finally {
    await engine.call('unbind', { name });
  }
}

async function runOnScene(
  rival: SceneRival,
  request: StartTrainingRequest,
  context: TrainingContext,
): Promise<TrainingOutcome> {
  const start = performance.now();
  const { engine, signal } = context;
  const { plan, epochs } = await planRival(request, rival.validation, context);
  const { test } = plan;
  const pixels = { training: plan.train, validation: plan.validation };
  const read = await readScene(plan, context);
  const { values, height, width } = read;
  const args = { rival: rival.name, ...read, ...pixels, epochs, seed: request.seed };
  const checkpoints = checkpointsOf(request, plan, context);
  const result = await fromCheckpoint(request, checkpoints, context, (resumed, onProgress) =>
    engine.call('fitSceneRival', { ...args, resumed }, { signal, onProgress, transfer: [values.buffer] }),
  );
  const { labels, confidence } = result.classified;
  const own = {
    labels: Uint8Array.from(test.pixels, (pixel) => labels[pixel]!),
    confidence: Uint8Array.from(test.pixels, (pixel) => confidence[pixel]!),
  };
  // Every pixel looks at the whole scene, training pixels included.
  const tested = await measure(plan, own, 2 * Math.max(height, width) + 1);
  await checkpoints.remove();
  const { parameters, lossByEpoch, accuracyByEpoch } = result;
  return finished(plan, { ...tested, parameters, lossByEpoch, accuracyByEpoch, sawTestSpectra: true, start });
}

async function runOnComponents(
  rival: ComponentsRival,
  request: StartTrainingRequest,
  context: TrainingContext,
): Promise<TrainingOutcome> {
  const start = performance.now();
  const { engine, signal, precision, hyperSigmaWeights: weights } = context;
  const { plan, epochs } = await planRival(request, 0, context);
  const read = await readScene(plan, context);
  const name = crypto.randomUUID();
  const settings = ownSettings(request);
  const own = { name, rival: rival.name, precision, weights, settings };
  const args = { ...own, ...read, training: plan.train, epochs, seed: request.seed };
  const checkpoints = checkpointsOf(request, plan, context, weights);
  const fitted = await fromCheckpoint(request, checkpoints, context, (resumed, onProgress) =>
    engine.call('fitComponentsRival', { ...args, resumed }, { signal, onProgress, transfer: [read.values.buffer] }),
  );
  try {
    const tested = await measure(plan, await classifyPixels(name, plan.test.pixels, context), rival.side);
    await checkpoints.remove();
    return finished(plan, { ...tested, ...fitted, start });
  } finally {
    await engine.call('unbind', { name });
  }
}

/** Pixels of one call at most, so that a cancellation waits little. */
const pixelsOfCall = 128;

/** Classifies pixels with a rival that is loaded in the engine and knows the scene. */
async function classifyPixels(
  name: string,
  pixels: readonly number[],
  { engine, signal, report }: TrainingContext,
): Promise<Classified> {
  async function* parts(): AsyncGenerator<ClassifiedPart> {
    for (let first = 0; first < pixels.length; first += pixelsOfCall) {
      throwIfAborted(signal, 'Training');
      const some = pixels.slice(first, first + pixelsOfCall);
      yield { first, ...(await engine.call('classifyPixels', { name, pixels: some }, { signal })) };
    }
  }
  return joinParts(pixels.length, parts(), report);
}

/** Reads the bands of a whole scene. */
async function readScene({ scene, classes }: TrainingPlan, { scenes, signal, report }: TrainingContext) {
  const { height, width } = scene.raster!;
  report({ stage: 'bands', done: 0, total: height * width, epoch: 0, loss: undefined });
  const bands = usableBands(scene);
  const { values, valid } = await wholeScene(scenes, scene, bands, signal);
  return { values, valid, height, width, bands: bands.length, classes: classes.length };
}

/** @throws TOO_FEW_BANDS if the scene has fewer usable bands than a rival takes components */
export function requireBands(rival: Rival, scene: Scene): void {
  if (rival.sees !== 'components') return;
  const bands = usableBands(scene).length;
  const { components } = rival;
  if (bands < components) throw failure('TOO_FEW_BANDS', { scene: scene.name, bands, components });
}

/** Trains from the checkpoint that the request or the attempt asks for, and saves the checkpoints that come. */
async function fromCheckpoint<Result>(
  request: StartTrainingRequest,
  checkpoints: Checkpoints,
  { isRepeated, report }: TrainingContext,
  fit: (resumed: TrainingCheckpoint | undefined, onProgress: (value: unknown) => void) => Promise<Result>,
): Promise<Result> {
  const resumed = isRepeated ? await checkpoints.lastIfAny() : request.resume ? await checkpoints.last() : undefined;
  let saving = Promise.resolve();
  const fitting = fit(resumed, (value) => {
    const { stage, step, steps, epoch, loss, checkpoint } = value as RivalProgress;
    if (checkpoint === undefined) report({ stage, done: step, total: steps, epoch, loss });
    else saving = saving.then(() => checkpoints.save(toCheckpoint(checkpoint)));
  });
  // A checkpoint that is being written is finished, however the run ends.
  return fitting.finally(() => saving);
}

/**
 * Returns the checkpoints of a rival on a scene. Only runs of the same pixels, settings, seed and weights share one.
 *
 * @param weights folder of released weights; empty for random ones
 */
function checkpointsOf(
  { scene, method, settings, seed }: StartTrainingRequest,
  { scene: { sourceDigest }, train, patchSize }: TrainingPlan,
  { store }: TrainingContext,
  weights = '',
): Checkpoints {
  const run = { sourceDigest, train: train.pixels, patchSize, method, settings, seed };
  const fingerprint = JSON.stringify(weights === '' ? run : { ...run, weights });
  return new Checkpoints(store, `trainings/${scene}/${method}/checkpoint.safetensors`, fingerprint);
}

/** Returns the settings of a rival besides `epochs`, which all networks take. */
function ownSettings({ settings }: StartTrainingRequest): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => name !== 'epochs'));
}

/**
 * Checks the settings of a rival.
 *
 * @returns the epochs; undefined means the rival's default
 * @throws FIELD_INVALID, SPLIT_INVALID, METHOD_UNKNOWN, METHOD_SETTINGS
 */
export function checkRival(rival: Rival, request: StartTrainingRequest): number | undefined {
  if (rival.sees !== 'components') return checkComparison(request);
  rival.checkSettings(ownSettings(request));
  const { epochs } = request.settings;
  return checkComparison({ ...request, settings: epochs === undefined ? {} : { epochs } });
}

/** Plans the pixels of a rival. @param validation share of the training pixels that choose the epoch */
async function planRival(request: StartTrainingRequest, validation: number, { scenes, signal }: TrainingContext) {
  const preset = request.preset === '' ? undefined : findPreset(request.preset);
  const patchSize = namedPatchSize(request.patchSize, preset);
  const epochs = checkRival(findRival(request.method)!, request);
  const plan = await planTraining(request, preset, { patchSize, validation, shift: 0 }, scenes, signal);
  return { plan, patchSize, epochs };
}

/** Returns the side of the window that a rival gets; undefined for a rival that sees the whole scene. */
export function seenSide(rival: Rival, patchSize: number): number | undefined {
  return rival.sees === 'windows' ? windowSide(rival, patchSize) : undefined;
}

/** Returns the side of the window that a rival gets: its own, or a smaller patch that the request names. */
function windowSide({ side }: WindowRival, patchSize: number): number {
  return Math.min(patchSize, side);
}
