import type { ProgramClient } from '@hyperswap/tensor';
import type { Classified } from './engine/baselines/baseline.js';
import type { TrainerProgram } from './engine/program.js';
import type { PatchBatch } from './scene-source.js';
import type { TrainingProgress } from './training-progress.js';

/** Classes of some pixels, which follow the pixels of the part before. */
export interface ClassifiedPart extends Classified {
  /** Index of the first pixel. */
  readonly first: number;
}

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
  async function* parts(): AsyncGenerator<ClassifiedPart> {
    for await (const { first, scores } of batches)
      yield { first, ...(await engine.call('classify', { name, scores })) };
  }
  return joinParts(total, parts(), report);
}

/**
 * Joins the classes of parts, and reports each.
 *
 * @param total pixels of all parts
 * @returns confidence only where all parts have it
 */
export async function joinParts(
  total: number,
  parts: AsyncIterable<ClassifiedPart>,
  report: (progress: TrainingProgress) => void,
): Promise<Classified> {
  const labels = new Uint8Array(total);
  const confidence = new Uint8Array(total);
  let isConfident = true;
  for await (const part of parts) {
    const { first } = part;
    labels.set(part.labels, first);
    if (part.confidence === undefined) isConfident = false;
    else confidence.set(part.confidence, first);
    report({ stage: 'testing', done: first + part.labels.length, total, epoch: 0, loss: undefined });
  }
  return { labels, confidence: isConfident ? confidence : undefined };
}
