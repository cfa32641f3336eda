import { failure } from '@hyperswap/errors';
import type { StartTrainingRequest } from '@hyperswap/proto';
import type { Baseline, Classified } from './engine/baselines/baseline.js';
import { findBaseline } from './engine/baselines/baselines.js';
import { measure } from './measure.js';
import { findPreset } from './presets.js';
import { predictPixels } from './predict-pixels.js';
import { addLabelsOf, type ClassifyFirst } from './pseudo-labels.js';
import { settingsFolds } from './settings-folds.js';
import type { TrainingContext } from './training-context.js';
import { finished, type TrainingOutcome } from './training-result.js';
import {
  gatherPatches,
  guardBand,
  namedPatchSize,
  planTraining,
  trainingPixels,
  type TrainingPlan,
} from './training-plan.js';
import { parsePseudoLabels } from './training-settings.js';

/** Trains a baseline on the same pixels as an adapter and tests it. Nothing is registered. */
export async function runBaseline(request: StartTrainingRequest, context: TrainingContext): Promise<TrainingOutcome> {
  const start = performance.now();
  const { scenes, signal } = context;
  const preset = request.preset === '' ? undefined : findPreset(request.preset);
  const patchSize = namedPatchSize(request.patchSize, preset);
  const recipe = checkBaseline(request, patchSize);
  const planned = await planTraining(request, preset, { patchSize, validation: 0, shift: 0 }, scenes, signal);
  if (recipe.pseudoLabels === 0) return fitAndTest(request, planned, recipe, start, context);
  let settings = recipe.settings;
  const classify: ClassifyFirst = (pixels, own) =>
    withBaseline(request, planned, recipe, own, async (fitted) => {
      settings = { ...settings, ...fitted.chosen };
      return (await fitted.classify(pixels)).labels;
    });
  const given = { plan: planned, seed: request.seed };
  const plan = await addLabelsOf(classify, recipe.pseudoLabels, given, context);
  // The settings stay the same: chosen on pseudo-labels, they would favour those of the first classifier.
  return fitAndTest(request, plan, { ...recipe, settings, choosesSettings: false }, start, context);
}

function fitAndTest(
  request: StartTrainingRequest,
  plan: TrainingPlan,
  recipe: BaselineRecipe,
  start: number,
  context: TrainingContext,
): Promise<TrainingOutcome> {
  return withBaseline(request, plan, recipe, context, async ({ parameters, side, chosen, classify }) => {
    const tested = await measure(plan, await classify(plan.test.pixels), side);
    return finished(plan, { ...tested, parameters, chosenSettings: chosen, start });
  });
}

/** A baseline that is ready to classify. */
interface FittedBaseline {
  /** Learned or stored values. */
  readonly parameters: number;
  /** Side of the square around a pixel that it looks at. */
  readonly side: number;
  /** Settings that it works with, where it chose some. */
  readonly chosen: Readonly<Record<string, string>> | undefined;
  readonly classify: (pixels: readonly number[]) => Promise<Classified>;
}

/** Trains a baseline on a plan's pixels and holds it in the engine for as long as it is used. */
async function withBaseline<Result>(
  request: StartTrainingRequest,
  plan: TrainingPlan,
  { settings, choosesSettings }: BaselineRecipe,
  context: TrainingContext,
  use: (fitted: FittedBaseline) => Promise<Result>,
): Promise<Result> {
  const { engine, scenes, signal, report } = context;
  const { scene, classes, patchSize } = plan;
  const patches = await gatherPatches(plan, trainingPixels(plan), scenes, signal, report);
  const guard = guardBand({ patchSize, shift: 0 });
  const folds = choosesSettings ? await settingsFolds(plan, guard, request.seed) : [];
  const name = crypto.randomUUID();
  const args = { patches, classes: classes.length, components: scene.components, patchSize, settings, folds };
  const fitted = await engine.call('fitBaseline', { name, baseline: request.method, ...args }, { signal });
  const side = fitted.side ?? baselineSide(findBaseline(request.method)!, patchSize);
  const classify = (pixels: readonly number[]): Promise<Classified> =>
    predictPixels(name, pixels.length, scenes.patches(scene, pixels, patchSize, signal), context);
  try {
    return await use({ parameters: fitted.parameters, side, chosen: fitted.chosen, classify });
  } finally {
    await engine.call('unbind', { name });
  }
}

/** Returns the side of the square around a pixel that a comparison method looks at. */
function baselineSide({ side }: Baseline, patchSize: number): number {
  return Math.min(patchSize, side ?? patchSize);
}

/** Settings of a comparison method's training. */
export interface BaselineRecipe {
  /** Pseudo-labels per class; 0 for none. */
  readonly pseudoLabels: number;
  /** The method's own settings. */
  readonly settings: Readonly<Record<string, string>>;
  /** Some of these are to be chosen on training pixels. */
  readonly choosesSettings: boolean;
}

/** Checks the settings of a baseline. @throws FIELD_INVALID, SPLIT_INVALID */
export function checkBaseline(request: StartTrainingRequest, patchSize: number): BaselineRecipe {
  const { chooses } = findBaseline(request.method)!;
  if (chooses === undefined) {
    checkComparison(request);
    return { pseudoLabels: 0, settings: {}, choosesSettings: false };
  }
  checkComparison({ ...request, settings: {} });
  const { pseudoLabels, ...settings } = request.settings;
  return {
    pseudoLabels: pseudoLabels === undefined ? 0 : parsePseudoLabels(pseudoLabels),
    settings,
    choosesSettings: chooses(settings, patchSize),
  };
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
