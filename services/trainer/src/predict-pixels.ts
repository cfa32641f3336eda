import type { ProgramClient } from '@hyperswap/tensor';
import type { Classified } from './engine/baselines/baseline.js';
import type { TrainerProgram } from './engine/program.js';
import type { SceneSource } from './scene-source.js';
import type { TrainingPlan } from './training-plan.js';
import type { TrainingProgress } from './training-progress.js';

/**
 * Classifies pixels with a classifier that is loaded in the engine.
 *
 * @param name of the classifier in the engine
 */
export async function predictPixels(
  name: string,
  pixels: readonly number[],
  { scene, patchSize }: Pick<TrainingPlan, 'scene' | 'patchSize'>,
  context: {
    readonly engine: ProgramClient<TrainerProgram>;
    readonly scenes: SceneSource;
    readonly signal: AbortSignal;
    readonly report: (progress: TrainingProgress) => void;
  },
): Promise<Classified> {
  const { engine, scenes, signal, report } = context;
  const labels = new Uint8Array(pixels.length);
  const confidence = new Uint8Array(pixels.length);
  let isConfident = true;
  for await (const { first, count, scores } of scenes.patches(scene, pixels, patchSize, signal)) {
    const found = await engine.call('classify', { name, scores });
    labels.set(found.labels, first);
    if (found.confidence === undefined) isConfident = false;
    else confidence.set(found.confidence, first);
    report({ stage: 'testing', done: first + count, total: pixels.length, epoch: 0, loss: undefined });
  }
  return { labels, confidence: isConfident ? confidence : undefined };
}
