/** Pseudo-labels: pixels labelled by a first classifier, if the surrounding pixels agree. */
import { SpectralEdges, smoothMap } from '@hyperswap/map';
import { Random } from '@hyperswap/random';
import { probeBefore, type AdapterRecipe } from './adapter-recipe.js';
import { classifyPixels } from './evaluate-adapter.js';
import { fitAdapter } from './fit-adapter.js';
import type { TrainingContext } from './training-context.js';
import type { LabelledPixels, TrainingPlan } from './training-plan.js';

/** Number of pixels that the first classifier classifies, which makes its cost independent of the scene's size. */
const sampled = 8192;
/** Distance in pixels that their votes travel. */
const reach = 10;
/** Minimum share of the votes in 255ths: more than half agree. */
const agreement = 128;

/** Returns the largest number of pixels that pseudo-labels add to a training. */
export function mostPseudoLabels({ classes }: TrainingPlan, perClass: number): number {
  return Math.min(sampled, perClass * classes.length);
}

/** Trains a first classifier on the labelled pixels of a plan. @returns the class of each of some pixels, from 1 */
export type ClassifyFirst = (pixels: readonly number[], context: TrainingContext) => Promise<Uint8Array>;

/** Adds pseudo-labels of a linear probe. @param recipe of the training that follows */
export function addPseudoLabels(
  perClass: number,
  recipe: AdapterRecipe,
  context: TrainingContext,
): Promise<TrainingPlan> {
  const { plan, training } = recipe;
  const classify: ClassifyFirst = async (pixels, own) => {
    const { adapter } = await fitAdapter(probeBefore(recipe), own);
    return (await classifyPixels(adapter, pixels, recipe, own)).labels;
  };
  return addLabelsOf(classify, perClass, { plan, seed: training.seed }, context);
}

/**
 * Adds pseudo-labels (Lee 2013) to a training. A first classifier on its labelled pixels classifies pixels with data
 * drawn from the whole scene. The result is smoothed along the scene's spectra. Some pixels of each class are then
 * drawn from those whose votes agree.
 *
 * Test pixels may be among them, without their labels: the split's description says so.
 *
 * @param perClass maximum pixels of a class
 * @returns the plan with the pseudo-labels
 */
export async function addLabelsOf(
  classify: ClassifyFirst,
  perClass: number,
  { plan, seed }: { readonly plan: TrainingPlan; readonly seed: number },
  context: TrainingContext,
): Promise<TrainingPlan> {
  const { scene } = plan;
  const { scenes, signal } = context;
  const own: TrainingContext = {
    ...context,
    report: (progress) => {
      context.report({ ...progress, stage: `pseudo-labels, ${progress.stage}` });
    },
  };
  const { scores, valid } = await scenes.allScores(scene, signal);
  const labelled = new Set(plan.train.pixels);
  const random = new Random(seed);
  const everywhere = Int32Array.from({ length: scene.raster!.height * scene.raster!.width }, (_, pixel) => pixel);
  const drawn = [...random.shuffle(everywhere)]
    .filter((pixel) => valid[pixel] === 1 && !labelled.has(pixel))
    .slice(0, sampled);
  const labels = new Uint8Array(everywhere.length);
  const predictions = await classify(drawn, own);
  predictions.forEach((label, i) => (labels[drawn[i]!] = label));
  const map = { labels, confidence: new Uint8Array(labels.length).fill(255) };
  const edges = SpectralEdges.of(scene.raster!, scores, scene.components);
  edges.cut(valid);
  const smooth = await smoothMap(map, edges, { reach, signal });
  const sure = drawn.filter((pixel) => smooth.confidence[pixel]! >= agreement);
  const pseudoLabelled = chooseOfEachClass(sure, smooth.labels, perClass);
  const count = pseudoLabelled.pixels.length;
  return {
    ...plan,
    pseudoLabelled,
    split: `${plan.split}; ${count} more pixels labelled by a first classifier, unlabelled test pixels may be among them`,
  };
}

/** Returns the first pixels of each class. @param labels of the whole scene */
function chooseOfEachClass(pixels: readonly number[], labels: Uint8Array, perClass: number): LabelledPixels {
  const taken = new Map<number, number>();
  const chosen = pixels.filter((pixel) => {
    const count = (taken.get(labels[pixel]!) ?? 0) + 1;
    taken.set(labels[pixel]!, count);
    return count <= perClass;
  });
  return { pixels: chosen, labels: Uint8Array.from(chosen, (pixel) => labels[pixel]!) };
}
