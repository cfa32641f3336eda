/** Map of a finished scene job, read out of the results of its chunks. */
import { placeWindow, type Window } from '@hyperswap/raster';
import type { ObjectStore } from '@hyperswap/storage';
import { chunkCount, chunkKey, chunkWindow } from './scene-job.js';
import type { FinishedJob } from './scene-jobs.js';

/**
 * Planes of a chunk's result: labels and confidence, one byte a pixel, then the probabilities of each class where they
 * are kept.
 */
export interface MapBlock {
  readonly window: Window;
  /** `[height, width]` */
  readonly labels: Uint8Array;
  readonly confidence: Uint8Array;
  /** `[height, width, classes]`; empty where they are not kept. */
  readonly probabilities: Uint8Array;
}

/** Returns the map as blocks of full rows of chunks, from top to bottom. */
export async function* mapBlocks(
  store: ObjectStore,
  job: FinishedJob,
  { row, height: rows }: Pick<Window, 'row' | 'height'> = { row: 0, height: job.height },
): AsyncGenerator<MapBlock> {
  const { width, chunkSize, classes } = job;
  const perRow = Math.ceil(width / chunkSize);
  for (let first = 0; first < chunkCount(job); first += perRow) {
    const { row: top, height } = chunkWindow(job, first);
    if (top + height <= row || top >= row + rows) continue;
    const window: Window = { row: top, column: 0, height, width };
    const labels = new Uint8Array(height * width);
    const confidence = new Uint8Array(height * width);
    const probabilities = new Uint8Array(job.probabilities ? height * width * classes : 0);
    for (let index = first; index < first + perRow; index++) {
      const chunk = chunkWindow(job, index);
      const place = { ...chunk, row: 0 };
      const result = await store.get(chunkKey(job.objects, index));
      const pixels = chunk.height * chunk.width;
      placeWindow(labels, width, place, result.subarray(0, pixels));
      placeWindow(confidence, width, place, result.subarray(pixels, 2 * pixels));
      if (job.probabilities) {
        placeWindow(probabilities, width, place, result.subarray(2 * pixels, (2 + classes) * pixels), classes);
      }
    }
    yield { window, labels, confidence, probabilities };
  }
}

/** Returns labels and confidence of a whole map, `[height, width]` each. */
export async function wholeMap(
  store: ObjectStore,
  job: FinishedJob,
): Promise<{ labels: Uint8Array; confidence: Uint8Array }> {
  const labels = new Uint8Array(job.height * job.width);
  const confidence = new Uint8Array(job.height * job.width);
  for await (const block of mapBlocks(store, job)) {
    labels.set(block.labels, block.window.row * job.width);
    confidence.set(block.confidence, block.window.row * job.width);
  }
  return { labels, confidence };
}
