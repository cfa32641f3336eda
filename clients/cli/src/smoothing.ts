import type { Scene, SceneMap } from '@hyperswap/proto';
import { readStream } from '@hyperswap/rpc';
import { smoothMap, SpectralEdges } from '@hyperswap/map';
import { type RawScene } from '@hyperswap/raster';
import type { Session } from './session.js';
import type { Progress } from './terminal.js';

/** The same map with smoothed labels, by the spectra of the scene that it is of. @param reach of `--smooth`; 0 changes nothing */
export async function smoothed(
  session: Session,
  map: SceneMap,
  scene: Scene | RawScene,
  reach: number,
  progress: Progress,
): Promise<SceneMap> {
  if (reach === 0) return map;
  const edges =
    'values' in scene ? SpectralEdges.of(scene, scene.values, scene.bands) : await edgesOfPrepared(session, scene);
  const { labels, confidence } = await smoothMap(map, edges, {
    reach,
    signal: session.signal,
    onProgress: (done, total) => {
      progress.update('smoothing', done, total);
    },
  });
  return { ...map, labels: Buffer.from(labels), confidence: Buffer.from(confidence) };
}

/** How far neighbours lie apart in a prepared scene. */
export async function edgesOfPrepared({ preprocessing, signal }: Session, scene: Scene): Promise<SpectralEdges> {
  const { name, height, width, components } = scene;
  const edges = new SpectralEdges(height, width);
  const call = preprocessing.streamTiles({ scene: name, tileSize: 0, halo: 1, window: undefined });
  for await (const { window, halo, scores } of readStream(preprocessing, call, signal)) {
    // Copied, since a message's bytes may begin anywhere.
    edges.place(window!, halo, new Float32Array(new Uint8Array(scores).buffer), components);
  }
  return edges;
}
