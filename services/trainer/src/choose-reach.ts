import type { SpectralEdges } from '@hyperswap/map';
import type { AdapterRecipe } from './adapter-recipe.js';
import { diffusedFeatures } from './diffused-features.js';
import { foldWalks, measuringWalks, type SceneWalks } from './measuring-walks.js';
import { settingsFolds } from './settings-folds.js';
import { trainHead } from './train-diffused.js';
import type { TrainingContext } from './training-context.js';
import { guardBand } from './training-plan.js';

/** Reaches that a choice is made from, in pixels; 0 averages nothing. */
export const reachCandidates: readonly number[] = [0, 2, 5, 10, 20];
/** Passes of the heads that only choose. */
const choosingPasses = 4;

/**
 * Chooses the reach at which heads have the highest overall accuracy on training pixels held back; among equals the
 * smaller. In a split by blocks whole blocks are held back, with a guard around them that no walk passes. Training
 * pixels that are too few to be held back give 0.
 */
export async function chooseReach(recipe: AdapterRecipe, scene: SceneWalks, context: TrainingContext): Promise<number> {
  const { plan, training } = recipe;
  const { edges } = await measuringWalks(scene, plan);
  const own: TrainingContext = {
    ...context,
    report: (progress) => {
      context.report({ ...progress, stage: `choosing the reach, ${progress.stage}` });
    },
  };
  const { pixels, labels } = plan.train;
  const guard = guardBand({ patchSize: plan.patchSize, shift: 0 });
  const folds = await settingsFolds(plan, guard, training.seed);
  if (folds.length === 0) return 0;
  const right = reachCandidates.map(() => 0);
  const byFold: SpectralEdges[] = [];
  if (plan.blockSize === 0) byFold.push(edges);
  else {
    for (const fold of folds) {
      const held = pixels.filter((_, row) => fold[row] === 1);
      byFold.push(await foldWalks(edges, plan.blockSize, held, guard));
    }
  }
  const walks = byFold.flatMap((ofFold) => reachCandidates.map((reach) => ({ edges: ofFold, reach })));
  const averaged = await diffusedFeatures(recipe, walks, own);
  for (const [turn, fold] of folds.entries()) {
    // All folds share the walks of a split without blocks.
    const all = averaged.slice(plan.blockSize === 0 ? 0 : turn * reachCandidates.length);
    for (const place of reachCandidates.keys()) {
      const width = all[place]!.length / labels.length;
      const rowOf = (row: number): Float32Array => all[place]!.subarray(row * width, (row + 1) * width);
      const rows = [...fold.keys()].filter((row) => fold[row] === 0);
      const features = new Float32Array(rows.length * width);
      rows.forEach((row, i) => features.set(rowOf(row), i * width));
      const known = Uint8Array.from(rows, (row) => labels[row]!);
      const head = { features, labels: known, classes: plan.classes.length, settings: training };
      const { headWeight, headBias } = await trainHead({ ...head, passes: choosingPasses }, own);
      for (const [row, mark] of fold.entries()) {
        if (mark === 1 && likeliest(rowOf(row), headWeight.values, headBias.values) === labels[row]) right[place]! += 1;
      }
    }
  }
  return reachCandidates[right.indexOf(Math.max(...right))]!;
}

/** Returns the class of the largest logit, from 1. */
function likeliest(features: Float32Array, weight: Float32Array, bias: Float32Array): number {
  const logits = bias.map((own, label) => {
    const from = label * features.length;
    return features.reduce((sum, value, f) => sum + value * weight[from + f]!, own);
  });
  return logits.indexOf(Math.max(...logits)) + 1;
}
