import { failure } from '@hyperswap/errors';
import type { StartTrainingRequest } from '@hyperswap/proto';
import type { Baseline } from './engine/baselines/baseline.js';
import { findBaseline } from './engine/baselines/baselines.js';
import { measure } from './measure.js';
import { findPreset } from './presets.js';
import { predictPixels } from './predict-pixels.js';
import type { TrainingContext } from './training-context.js';
import { finished, type TrainingOutcome } from './training-result.js';
import { gatherPatches, namedPatchSize, planTraining } from './training-plan.js';

/** Trains a baseline on the same pixels as an adapter and tests it. Nothing is registered. */
export async function runBaseline(request: StartTrainingRequest, context: TrainingContext): Promise<TrainingOutcome> {
  const start = performance.now();
  const { engine, scenes, signal, report } = context;
  const preset = request.preset === '' ? undefined : findPreset(request.preset);
  const patchSize = namedPatchSize(request.patchSize, preset);
  checkComparison(request);
  const plan = await planTraining(request, preset, { patchSize, validation: 0, shift: 0 }, scenes, signal);
  const { scene, classes, test } = plan;
  const baseline = findBaseline(request.method)!;
  const patches = await gatherPatches(plan, plan.train, scenes, signal, report);
  const name = crypto.randomUUID();
  const args = { patches, classes: classes.length, components: scene.components, patchSize };
  const parameters = await engine.call('fitBaseline', { name, baseline: request.method, ...args }, { signal });
  try {
    const batches = scenes.patches(scene, test.pixels, patchSize, signal);
    const classified = await predictPixels(name, test.pixels.length, batches, context);
    const tested = await measure(plan, classified, baselineSide(baseline, patchSize));
    return finished(plan, { ...tested, parameters, start });
  } finally {
    await engine.call('unbind', { name });
  }
}

/** Returns the side of the square around a pixel that a comparison method looks at. */
function baselineSide({ side }: Baseline, patchSize: number): number {
  return Math.min(patchSize, side ?? patchSize);
}

/**
 * Checks the settings of a comparison method. The only setting is the number of epochs of networks.
 *
 * @returns the epochs; undefined means the method's default
 * @throws FIELD_INVALID, SPLIT_INVALID
 */
export function checkComparison({ choosePatchSize, settings, split }: StartTrainingRequest): number | undefined {
  if (split?.kind?.$case === 'all') {
    throw failure('SPLIT_INVALID', {
      reason: 'a comparison method is only tested, and this split leaves no pixel for it',
    });
  }
  if (choosePatchSize) {
    const reason = 'comparison methods take a given patch size: name it, to compare on the same patches';
    throw failure('FIELD_INVALID', { field: 'choose_patch_size', reason });
  }
  return comparisonEpochs(settings);
}

function comparisonEpochs({ epochs, ...others }: Readonly<Record<string, string>>): number | undefined {
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) {
    throw failure('FIELD_INVALID', { field: `setting ${unknown}`, reason: 'baselines take epochs only' });
  }
  if (epochs === undefined) return undefined;
  if (/^[1-9]\d{0,4}$/.test(epochs)) return Number(epochs);
  throw failure('FIELD_INVALID', { field: 'setting epochs', reason: `${epochs} is not a number from 1 to 99999` });
}
