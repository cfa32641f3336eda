import { failure } from '@hyperswap/errors';
import { smoothInThread, type ConfidentMap } from '@hyperswap/map';
import type { ObjectStore } from '@hyperswap/storage';
import { wholeMap } from './finished-map.js';
import { sceneEdges } from './scene-edges.js';
import type { FinishedJob } from './scene-jobs.js';

/** Pixels that votes reach at most. */
const maximumReach = 1000;

export interface SmoothingContext {
  readonly store: ObjectStore;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * Returns the map of a job, smoothed along the spectra of its scene in a thread of its own.
 *
 * @param reach pixels that votes reach, above 0
 * @throws FIELD_INVALID, SCENE_CHANGED, CANCELLED
 */
export async function smoothedMap(
  job: FinishedJob,
  reach: number,
  { store, signal, onProgress }: SmoothingContext,
): Promise<ConfidentMap> {
  if (reach > maximumReach) {
    throw failure('FIELD_INVALID', {
      field: 'smoothing_reach',
      reason: `${reach} is more than ${maximumReach} pixels`,
    });
  }
  const map = await wholeMap(store, job);
  return smoothInThread(map, (await sceneEdges(store, job, signal)).edges, { reach, signal, onProgress });
}
