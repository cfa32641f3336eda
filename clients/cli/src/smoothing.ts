import { smoothInThread, SpectralEdges } from '@hyperswap/map';
import type { RawScene } from '@hyperswap/raster';
import type { SceneMap } from './scene-jobs.js';
import type { Session } from './session.js';
import type { Progress } from './terminal.js';

/** Smooths the map of a raw scene along its spectra. Maps of prepared scenes are smoothed by the service. @param reach pixels; 0 changes nothing */
export async function smoothRawMap(
  { signal }: Session,
  map: SceneMap,
  scene: RawScene,
  reach: number,
  progress: Progress,
): Promise<SceneMap> {
  if (reach === 0) return map;
  const edges = SpectralEdges.of(scene, scene.values, scene.bands);
  const onProgress = (done: number, total: number): void => {
    progress.update('smoothing', done, total);
  };
  return { ...map, ...(await smoothInThread(map, edges, { reach, signal, onProgress })) };
}
