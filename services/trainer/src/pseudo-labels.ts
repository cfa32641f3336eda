/** Pseudo-labels: pixels labelled by a first adapter, if the surrounding pixels agree. */
import { SpectralEdges, smoothMap } from '@hyperswap/map';
import { Random } from '@hyperswap/random';
import { classifyPixels } from './evaluate-adapter.js';
import { fitAdapter, probeBefore, type AdapterRecipe } from './fit-adapter.js';
import type { TrainingContext } from './training-context.js';
import type { LabelledPixels, TrainingPlan } from './training-plan.js';

/** Number of pixels that the first adapter classifies, which makes its cost independent of the scene's size. */
const sampled = 8192;
/** Distance in pixels that their votes travel. */
const reach = 10;
/** Minimum share of the votes in 255ths: more than half agree. */
const agreement = 128;

/**
 * Adds pseudo-labels (Lee 2013) to a training. A linear probe on its labelled pixels classifies pixels with data drawn
 * from the whole scene. The result is smoothed along the scene's spectra. Some pixels of each class are then drawn from those
 * whose votes agree.
 *
 * Test pixels may be among them, without their labels: the split's description says so.
 *
 * @param perClass maximum pixels of a class
 * @param recipe of the training that follows
 * @returns the recipe's plan with the pseudo-labels
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
  const { scores, valid } = await scenes.allScores(scene, signal);
  const labelled = new Set(plan.train.pixels);
  const random = new Random(training.seed);
  const everywhere = Int32Array.from({ length: scene.raster!.height * scene.raster!.width }, (_, pixel) => pixel);
  const drawn = [...random.shuffle(everywhere)]
    .filter((pixel) => valid[pixel] === 1 && !labelled.has(pixel))
    .slice(0, sampled);
  const labels = new Uint8Array(everywhere.length);
  const { labels: predictions } = await classifyPixels(adapter, drawn, plan, precision, own);
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
    split: `${plan.split}; ${count} more pixels labelled by a first adapter, unlabelled test pixels may be among them`,
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
