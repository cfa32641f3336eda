import { failure } from '@hyperswap/errors';
import type { StartTrainingRequest } from '@hyperswap/proto';
import { Checkpoints, toCheckpoint } from './checkpoints.js';
import type { TrainingReport } from './engine/descend.js';
import type { Baseline } from './engine/baselines/baseline.js';
import { findBaseline } from './engine/baselines/baselines.js';
import { measure } from './measure.js';
import { findPreset } from './presets.js';
import { predictPixels } from './predict-pixels.js';
import type { TrainingContext } from './training-context.js';
import { finished, type TrainingOutcome } from './training-result.js';
import { gatherSpectra, spectraWindows, usableBands } from './spectra-windows.js';
import { gatherPatches, namedPatchSize, planTraining, type TrainingPlan } from './training-plan.js';

/** Trains a baseline on the same pixels as an adapter and tests it. Nothing is registered. */
export async function runBaseline(request: StartTrainingRequest, context: TrainingContext): Promise<TrainingOutcome> {
  const start = performance.now();
  const { engine, scenes, signal, report } = context;
  const preset = request.preset === '' ? undefined : findPreset(request.preset);
  const patchSize = namedPatchSize(request.patchSize, preset);
  const epochs = checkBaseline(request);
  const plan = await planTraining(request, preset, { patchSize, validation: 0, shift: 0 }, scenes, signal);
  const { scene, classes } = plan;
  const baseline = findBaseline(request.method)!;
  const side = baselineSide(baseline, patchSize);
  const windows = { side, bands: usableBands(scene) };
  const isOfBands = baseline.takes === 'bands';
  const input = isOfBands
    ? { components: windows.bands.length, patchSize: side }
    : { components: scene.components, patchSize };
  const patches = isOfBands
    ? await gatherSpectra(scenes, scene, plan.train, windows, signal)
    : await gatherPatches(plan, plan.train, scenes, signal, report);
  const name = crypto.randomUUID();
  const args = { patches, classes: classes.length, ...input, epochs, seed: request.seed };
  const checkpoints = checkpointsOf(request, plan, context);
  const resumed = context.isRepeated
    ? await checkpoints.lastIfAny()
    : request.resume
      ? await checkpoints.last()
      : undefined;
  let saving = Promise.resolve();
  const fitting = engine.call(
    'fitBaseline',
    { name, baseline: request.method, resumed, ...args },
    {
      signal,
      onProgress: (value) => {
        const { stage, step, steps, epoch, loss, checkpoint } = value as TrainingReport;
        if (checkpoint === undefined) report({ stage, done: step, total: steps, epoch, loss });
        else saving = saving.then(() => checkpoints.save(toCheckpoint(checkpoint)));
      },
    },
  );
  // A checkpoint that is being written is finished, however the run ends.
  const parameters = await fitting.finally(() => saving);
  try {
    const { pixels } = plan.test;
    const batches = isOfBands
      ? spectraWindows(scenes, scene, pixels, windows, signal)
      : scenes.patches(scene, pixels, patchSize, signal);
    const classified = await predictPixels(name, pixels.length, batches, context);
    const tested = await measure(plan, classified, side);
    await checkpoints.remove();
    return finished(plan, { ...tested, parameters, start });
  } finally {
    await engine.call('unbind', { name });
  }
}

/** Returns the checkpoints of a comparison method on a scene. Only runs of the same pixels, settings and seed share one. */
function checkpointsOf(
  { scene, method, settings, seed }: StartTrainingRequest,
  { scene: { sourceDigest }, train, patchSize }: TrainingPlan,
  { store }: TrainingContext,
): Checkpoints {
  const fingerprint = JSON.stringify({ sourceDigest, train: train.pixels, patchSize, method, settings, seed });
  return new Checkpoints(store, `trainings/${scene}/${method}/checkpoint.safetensors`, fingerprint);
}

/** Returns the side of the square around a pixel that a comparison method looks at. */
export function baselineSide({ side }: Baseline, patchSize: number): number {
  return Math.min(patchSize, side ?? patchSize);
}

/**
 * Checks the settings of a comparison method. The only setting is the number of epochs of networks.
 *
 * @returns the epochs; undefined means the method's default
 * @throws FIELD_INVALID, SPLIT_INVALID
 */
export function checkBaseline({ choosePatchSize, settings, split }: StartTrainingRequest): number | undefined {
  if (split?.kind?.$case === 'all') {
    throw failure('SPLIT_INVALID', {
      reason: 'a comparison method is only tested, and this split leaves no pixel for it',
    });
  }
  if (choosePatchSize) {
    const reason = 'comparison methods take a given patch size: name it, to compare on the same patches';
    throw failure('FIELD_INVALID', { field: 'choose_patch_size', reason });
  }
  return baselineEpochs(settings);
}

function baselineEpochs({ epochs, ...others }: Readonly<Record<string, string>>): number | undefined {
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) {
    throw failure('FIELD_INVALID', { field: `setting ${unknown}`, reason: 'baselines take epochs only' });
  }
  if (epochs === undefined) return undefined;
  if (/^[1-9]\d{0,4}$/.test(epochs)) return Number(epochs);
  throw failure('FIELD_INVALID', { field: 'setting epochs', reason: `${epochs} is not a number from 1 to 99999` });
}
