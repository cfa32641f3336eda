import { PreparedScene } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';

/** Part of a request that names a scene and, optionally, its content. */
export interface SceneReference {
  readonly scene: string;
  /** Digest of the content that is meant. */
  readonly sceneDigest?: string | undefined;
}

/** Returns true for the digest of a request that names a content. */
export function isPinned(sceneDigest: string | undefined): sceneDigest is string {
  return sceneDigest !== undefined && sceneDigest !== '';
}

/**
 * Opens the scene that a request means.
 *
 * @throws SCENE_NOT_FOUND, OBJECT_DAMAGED; SCENE_CHANGED when the request names another content
 */
export function openScene(store: ObjectStore, { scene, sceneDigest }: SceneReference): Promise<PreparedScene> {
  return isPinned(sceneDigest) ? PreparedScene.openPinned(store, scene, sceneDigest) : PreparedScene.open(store, scene);
}
