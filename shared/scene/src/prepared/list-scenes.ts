import { HyperswapError } from '@hyperswap/errors';
import type { ObjectStore } from '@hyperswap/storage';
import { readManifest, type SceneManifest } from './manifest.js';

/** Scenes of a store. */
export interface SceneList {
  /** Manifests by name. */
  readonly scenes: readonly SceneManifest[];
  /** Scenes whose manifest cannot be read, by name. They can be deleted or replaced. */
  readonly damaged: readonly { readonly name: string; readonly error: HyperswapError }[];
}

/** Manifests that are read at once. */
const readAtOnce = 32;

/** Lists all scenes; an unreadable manifest does not affect the others. @throws STORE_UNREACHABLE */
export async function listScenes(store: ObjectStore): Promise<SceneList> {
  const objects = await store.list('scenes/');
  const names = objects.flatMap(({ key }) => /^scenes\/([^/]+)\/scene\.json$/.exec(key)?.[1] ?? []);
  const scenes: SceneManifest[] = [];
  const damaged: { name: string; error: HyperswapError }[] = [];
  for (let first = 0; first < names.length; first += readAtOnce) {
    const some = names.slice(first, first + readAtOnce);
    const read = await Promise.allSettled(some.map((name) => readManifest(store, name)));
    for (const [index, result] of read.entries()) {
      if (result.status === 'fulfilled') scenes.push(result.value);
      else if (HyperswapError.is(result.reason, 'OBJECT_DAMAGED', 'NAME_INVALID')) {
        damaged.push({ name: some[index]!, error: result.reason });
        // A scene that is not found was deleted in the meantime.
      } else if (!HyperswapError.is(result.reason, 'SCENE_NOT_FOUND')) throw result.reason;
    }
  }
  return { scenes, damaged };
}
