import type { AdapterRecipe, Diffusion } from './adapter-recipe.js';
import { diffusedFeatures } from './diffused-features.js';
import type { TrainingReport } from './engine/descend.js';
import type { HeadArguments } from './engine/train-head.js';
import type { TrainingResult } from './engine/train.js';
import { measuringWalks } from './measuring-walks.js';
import type { TrainingContext } from './training-context.js';
import { trainingPixels } from './training-plan.js';

/** Passes over the pixels in an epoch: as many as a probe makes over its orientations and shifts. */
const passes = 16;

/** Trains a linear probe on features that are averaged along the walks of the scene. */
export async function trainOnDiffused(
  recipe: AdapterRecipe,
  { reach, walks }: Diffusion,
  context: TrainingContext,
): Promise<TrainingResult> {
  const { plan, training } = recipe;
  const { edges } = await measuringWalks(walks, plan);
  const [features] = await diffusedFeatures(recipe, [{ edges, reach }], context);
  const { labels } = trainingPixels(plan);
  const head = { features: features!, labels, classes: plan.classes.length, settings: training, passes };
  return trainHead(head, context);
}

/** Trains a head in the engine. @throws TRAINING_DIVERGED, CANCELLED */
export function trainHead(args: HeadArguments, { engine, signal, report }: TrainingContext): Promise<TrainingResult> {
  return engine.call('trainHead', args, {
    signal,
    onProgress: (value) => {
      const { stage, step, steps, epoch, loss } = value as TrainingReport;
      report({ stage, done: step, total: steps, epoch, loss });
    },
  });
}
