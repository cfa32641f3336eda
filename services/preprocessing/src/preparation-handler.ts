import type { JobHandler } from '@hyperswap/jobs';
import { HyperswapError } from '@hyperswap/errors';
import type { JobProgress, PrepareSceneHeader, Scene } from '@hyperswap/proto';
import { deleteArrays, prepareScene, readManifest } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import { toSceneMessage } from './messages.js';
import { toUploadedScene } from './scene-header.js';

/** Returns the way that preparations are done. One that fails or is cancelled leaves nothing. */
export function preparationHandler(store: ObjectStore): JobHandler<PrepareSceneHeader, Scene, JobProgress> {
  return {
    run: async ({ id, request, objects }, { signal, report }) => {
      const onProgress = (stage: string, done: number, total: number): void => report({ stage, done, total });
      const manifest = await prepareScene(store, toUploadedScene(request, id, objects), { signal, onProgress });
      return toSceneMessage(manifest);
    },
    clear: async ({ id, request, objects }, end) => {
      const { arrays, labels } = toUploadedScene(request, id, objects);
      await deleteArrays(store, labels);
      // The same content may have been there already, in other arrays.
      const isKept = end === 'done' && (await ownsArrays(store, request.name, arrays));
      if (!isKept) await deleteArrays(store, arrays);
    },
  };
}

/** Returns true if the scene of a name has given arrays. */
export async function ownsArrays(store: ObjectStore, scene: string, arrays: string): Promise<boolean> {
  try {
    return (await readManifest(store, scene)).arrays === arrays;
  } catch (error) {
    if (HyperswapError.is(error, 'SCENE_NOT_FOUND', 'OBJECT_DAMAGED')) return false;
    throw error;
  }
}
