/** Spectral edges of prepared scenes, for walks over their maps. */
import { SpectralEdges } from '@hyperswap/map';
import { gridWindows } from '@hyperswap/raster';
import { PreparedScene } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import type { SceneJob } from './scene-job.js';

/** Side of the tiles that edges are computed from. */
const tileSide = 64;

/**
 * Returns the distances between the scores of neighbouring pixels with data, and the mask of the pixels with data;
 * undefined if all have data.
 *
 * @throws SCENE_CHANGED, CANCELLED
 */
export async function sceneEdges(
  store: ObjectStore,
  { scene: name, sceneDigest }: Pick<SceneJob, 'scene' | 'sceneDigest'>,
  signal: AbortSignal,
): Promise<{ readonly edges: SpectralEdges; readonly mask: Uint8Array | undefined }> {
  const scene = await PreparedScene.openPinned(store, name, sceneDigest);
  const { height, width, components } = scene.manifest;
  const edges = new SpectralEdges(height, width);
  const mask = await scene.readMask({ row: 0, column: 0, height, width });
  for (const window of gridWindows({ height, width }, tileSide)) {
    edges.place(window, 1, await scene.readWindow(window, 1, signal), components);
  }
  if (mask !== undefined) edges.cut(mask);
  return { edges, mask };
}
