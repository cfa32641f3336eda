/** Pixels that nobody labelled, labelled by a first adapter where the land around them agrees with it. */
import { SpectralEdges, smoothMap } from '@hyperswap/map';
import { Random } from '@hyperswap/random';
import { classifyPixels } from './evaluate-adapter.js';
import { fitAdapter, probeBefore, type AdapterRecipe } from './fit-adapter.js';
import type { TrainingContext } from './training-context.js';
import type { LabelledPixels, TrainingPlan } from './training-plan.js';

/** Pixels that the first adapter classifies: what that costs does not grow with the scene. */
const sampled = 8192;
/** How far their votes reach, in pixels. */
const reach = 10;
/** Of 255ths of the votes: more than half agree. */
const agreement = 128;

/**
 * Pseudo-labels (Lee 2013) of a training: a linear probe on its labelled pixels classifies pixels drawn from the whole scene, the result is smoothed along the
 * scene's spectra, and of those whose votes agree some of each class are drawn.
 *
 * Test pixels may be among them, without their labels: the split's description says so.
 *
 * @param perClass pixels of a class at most
 * @param recipe of the training that is to follow
 * @returns the recipe's plan with them
 */
export async function addPseudoLabels(
  perClass: number,
  recipe: AdapterRecipe,
  context: TrainingContext,
): Promise<TrainingPlan> {
  const { plan, training, precision } = recipe;
  const { scene } = plan;
  const { scenes, signal } = context;
  const own: TrainingContext = {
    ...context,
    report: (progress) => {
      context.report({ ...progress, stage: `pseudo-labels, ${progress.stage}` });
    },
  };
  const { adapter } = await fitAdapter(probeBefore(recipe), own);
  const labelled = new Set(plan.train.pixels);
  const random = new Random(training.seed);
  const everywhere = Int32Array.from({ length: scene.raster!.height * scene.raster!.width }, (_, pixel) => pixel);
  const drawn = [...random.shuffle(everywhere)].filter((pixel) => !labelled.has(pixel)).slice(0, sampled);
  const labels = new Uint8Array(everywhere.length);
  const predictions = await classifyPixels(adapter, drawn, plan, precision, own);
  predictions.forEach((label, i) => (labels[drawn[i]!] = label));
  const map = { labels, confidence: new Uint8Array(labels.length).fill(255) };
  const edges = SpectralEdges.of(scene.raster!, await scenes.allScores(scene, signal), scene.components);
  const smooth = await smoothMap(map, edges, { reach, signal });
  const sure = drawn.filter((pixel) => smooth.confidence[pixel]! >= agreement);
  const pseudoLabelled = chooseOfEachClass(sure, smooth.labels, perClass);
  const count = pseudoLabelled.pixels.length;
  return {
    ...plan,
    pseudoLabelled,
    split: `${plan.split}; ${count} more pixels labelled by a first adapter, unlabelled test pixels may be among them`,
  };
}

/** The first pixels of each class. @param labels of the whole scene */
function chooseOfEachClass(pixels: readonly number[], labels: Uint8Array, perClass: number): LabelledPixels {
  const taken = new Map<number, number>();
  const chosen = pixels.filter((pixel) => {
    const count = (taken.get(labels[pixel]!) ?? 0) + 1;
    taken.set(labels[pixel]!, count);
    return count <= perClass;
  });
  return { pixels: chosen, labels: Uint8Array.from(chosen, (pixel) => labels[pixel]!) };
}
