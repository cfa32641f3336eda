import type { Scene } from '@hyperswap/proto';
import { placeWindow, type Window } from '@hyperswap/raster';
import { readStream } from '@hyperswap/rpc';
import type { Session } from './session.js';

/**
 * Reads a label map of a scene, `[height, width]`; an empty name merges all of them.
 *
 * @throws FIELD_INVALID when there is none; SCENE_CHANGED
 */
export async function readLabelMap(
  { scenes, signal }: Session,
  { name, digest, raster }: Scene,
  labelMap: string,
): Promise<Uint8Array> {
  const { height, width } = raster!;
  const all = new Uint8Array(height * width);
  const call = scenes.readLabels({ scene: name, sceneDigest: digest, labelMap, window: undefined });
  for await (const { window, labels } of readStream(scenes, call, signal)) placeWindow(all, width, window!, labels);
  return all;
}

/** Returns a reader of the first label map of a scene, if it has one; the others may disagree with it. */
export function truthOf(
  { scenes, signal }: Session,
  { name, digest, labelMaps }: Scene,
): ((window: Window) => Promise<Uint8Array>) | undefined {
  const [first] = labelMaps;
  if (first === undefined) return undefined;
  return async (window) => {
    const blocks: Uint8Array[] = [];
    const call = scenes.readLabels({ scene: name, sceneDigest: digest, labelMap: first.name, window });
    for await (const { labels } of readStream(scenes, call, signal)) blocks.push(labels);
    return Buffer.concat(blocks);
  };
}
