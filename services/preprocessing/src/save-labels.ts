import { failure } from '@hyperswap/errors';
import type { SaveLabelsRequest, SaveLabelsResponse } from '@hyperswap/proto';
import type { CallContext } from '@hyperswap/rpc';
import { addLabels } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import { toSceneMessage } from './messages.js';
import { openScene } from './open-scene.js';

const mostWindows = 20_000;
const mostBytes = 16 * 1024 * 1024;

/** Label maps that are being added, by scene: one at a time, so that none gets lost. */
const underWay = new Map<string, Promise<unknown>>();

/**
 * Adds a label map to a scene.
 *
 * @throws SCENE_NOT_FOUND, SCENE_CHANGED, FIELD_INVALID, NAME_INVALID, CLASSES_INVALID
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
  const work = before.then(async () => {
    const scene = await openScene(store, request);
    return addLabels(store, scene, { labelMap, base, newClasses, windows: placed }, signal);
  });
  const settled = work.catch(() => undefined);
  underWay.set(request.scene, settled);
  void settled.then(() => {
    if (underWay.get(request.scene) === settled) underWay.delete(request.scene);
  });
  return { scene: toSceneMessage(await work) };
}
