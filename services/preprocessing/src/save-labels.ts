import { failure, HyperswapError } from '@hyperswap/errors';
import type { SaveLabelsRequest, SaveLabelsResponse } from '@hyperswap/proto';
import type { CallContext } from '@hyperswap/rpc';
import { addLabels, PreparedScene, type LabelsToAdd, type SceneManifest } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import { toSceneMessage } from './messages.js';
import { isPinned } from './open-scene.js';

const mostWindows = 20_000;
const mostBytes = 16 * 1024 * 1024;
/** Attempts to add labels that name no digest, while other processes add theirs. */
const attempts = 5;

/** Label maps that are being added, by scene: one at a time, so that none gets lost. */
const underWay = new Map<string, Promise<unknown>>();

/**
 * Adds a label map to a scene. A request that names no digest adds its map to whatever the scene is now.
 *
 * @throws LABELS_CHANGED when the request names a digest, and label maps were added since; SCENE_NOT_FOUND,
 *   SCENE_CHANGED, FIELD_INVALID, NAME_INVALID, CLASSES_INVALID
 */
export async function saveLabels(
  store: ObjectStore,
  request: SaveLabelsRequest,
  { signal }: CallContext,
): Promise<SaveLabelsResponse> {
  const { labelMap, base, newClasses, windows } = request;
  const bytes = windows.reduce((sum, { labels }) => sum + labels.byteLength, 0);
  const invalid = (reason: string): Error => failure('FIELD_INVALID', { field: 'windows', reason });
  if (windows.length > mostWindows) throw invalid(`there are ${windows.length}, more than ${mostWindows}`);
  if (bytes > mostBytes) throw invalid(`they have ${bytes} labels, more than ${mostBytes}`);
  const placed = windows.map(({ window, labels }, index) => {
    if (window === undefined)
      throw failure('FIELD_INVALID', { field: `windows[${index}].window`, reason: 'it is missing' });
    return { window, labels };
  });
  const before = underWay.get(request.scene) ?? Promise.resolve();
  const work = before.then(() => add(store, request, { labelMap, base, newClasses, windows: placed }, signal));
  const settled = work.catch(() => undefined);
  underWay.set(request.scene, settled);
  void settled.then(() => {
    if (underWay.get(request.scene) === settled) underWay.delete(request.scene);
  });
  return { scene: toSceneMessage(await work) };
}

async function add(
  store: ObjectStore,
  { scene: name, sceneDigest }: SaveLabelsRequest,
  labels: LabelsToAdd,
  signal: AbortSignal,
): Promise<SceneManifest> {
  for (let attempt = 1; ; attempt++) {
    const scene = await PreparedScene.open(store, name);
    if (isPinned(sceneDigest) && scene.digest !== sceneDigest) {
      await scene.at(sceneDigest);
      throw failure('LABELS_CHANGED', { scene: name });
    }
    try {
      return await addLabels(store, scene, labels, signal);
    } catch (error) {
      // Another process added labels meanwhile.
      if (isPinned(sceneDigest) || attempt === attempts || !HyperswapError.is(error, 'LABELS_CHANGED')) throw error;
    }
  }
}
