import type { ProgramClient } from '@hyperswap/tensor';
import type { Classified } from './engine/baselines/baseline.js';
import type { TrainerProgram } from './engine/program.js';
import type { PatchBatch } from './scene-source.js';
import type { TrainingProgress } from './training-progress.js';

/**
 * Classifies pixels with a classifier that is loaded in the engine.
 *
 * @param name of the classifier in the engine
 * @param total pixels
 * @param batches their patches, in order
 */
export async function predictPixels(
  name: string,
  total: number,
  batches: AsyncIterable<PatchBatch>,
  context: {
    readonly engine: ProgramClient<TrainerProgram>;
    readonly report: (progress: TrainingProgress) => void;
  },
): Promise<Classified> {
  const { engine, report } = context;
  const labels = new Uint8Array(total);
  const confidence = new Uint8Array(total);
  let isConfident = true;
  for await (const { first, count, scores } of batches) {
    const found = await engine.call('classify', { name, scores });
    labels.set(found.labels, first);
    if (found.confidence === undefined) isConfident = false;
    else confidence.set(found.confidence, first);
    report({ stage: 'testing', done: first + count, total, epoch: 0, loss: undefined });
  }
  return { labels, confidence: isConfident ? confidence : undefined };
}
