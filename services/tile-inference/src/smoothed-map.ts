import { failure } from '@hyperswap/errors';
import { smoothInThread, SpectralEdges, type ConfidentMap } from '@hyperswap/map';
import { gridWindows } from '@hyperswap/raster';
import { PreparedScene } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import { wholeMap } from './finished-map.js';
import type { FinishedJob } from './scene-jobs.js';

/** Pixels that votes reach at most. */
const maximumReach = 1000;
/** Side of the tiles that edges are computed from. */
const tileSide = 64;

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
  return smoothInThread(map, await sceneEdges(store, job, signal), { reach, signal, onProgress });
}

/** Returns the distances between the scores of neighbouring pixels that hold data. */
async function sceneEdges(
  store: ObjectStore,
  { scene: name, sceneDigest }: FinishedJob,
  signal: AbortSignal,
): Promise<SpectralEdges> {
  const scene = await PreparedScene.openPinned(store, name, sceneDigest);
  const { height, width, components } = scene.manifest;
  const edges = new SpectralEdges(height, width);
  const mask = await scene.readMask({ row: 0, column: 0, height, width });
  for (const window of gridWindows({ height, width }, tileSide)) {
    edges.place(window, 1, await scene.readWindow(window, 1, signal), components);
  }
  if (mask !== undefined) edges.cut(mask);
  return edges;
}
