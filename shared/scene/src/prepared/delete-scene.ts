import { HyperswapError } from '@hyperswap/errors';
import type { ObjectStore } from '@hyperswap/storage';
import { isPlaceOf, manifestKey, readManifest } from './manifest.js';

/**
 * Deletes a scene, also one whose manifest cannot be read: its manifest first, so that no reader finds an incomplete
 * scene.
 *
 * @throws SCENE_NOT_FOUND
 */
export async function deleteScene(store: ObjectStore, name: string): Promise<void> {
  const arrays = await arraysOf(store, name);
  await store.delete(manifestKey(name));
  if (arrays !== undefined) await deleteArrays(store, arrays);
  // Files that earlier versions wrote beside their manifests.
  await deleteObjects(store, `scenes/${name}/`);
}

/** Deletes all objects of a scene's arrays. */
export async function deleteArrays(store: ObjectStore, arrays: string): Promise<void> {
  await deleteObjects(store, `${arrays}/`);
}

/**
 * Returns the location of a scene's arrays, as far as possible if the manifest cannot be read.
 *
 * @throws SCENE_NOT_FOUND
 */
export async function arraysOf(store: ObjectStore, name: string): Promise<string | undefined> {
  try {
    return (await readManifest(store, name)).arrays;
  } catch (error) {
    if (!HyperswapError.is(error, 'OBJECT_DAMAGED')) throw error;
  }
  const text = await store.get(manifestKey(name)).catch(() => Buffer.from(''));
  const arrays = /"arrays": *"([^"]+)"/.exec(text.toString('utf8'))?.[1];
  return arrays !== undefined && isPlaceOf(name, arrays) ? arrays : undefined;
}

async function deleteObjects(store: ObjectStore, prefix: string): Promise<void> {
  for (const { key } of await store.list(prefix)) await store.delete(key);
}
