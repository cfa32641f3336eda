import { failure } from '@hyperswap/errors';
import { SceneServiceService, type SceneServiceServer } from '@hyperswap/proto';
import {
  bidiStreamHandler,
  pageOf,
  serverStreamHandler,
  toErrorStatus,
  unaryHandler,
  type HostedService,
} from '@hyperswap/rpc';
import { deleteScene, listScenes, PreparedScene, readManifest } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import { toSceneMessage } from './messages.js';
import { prepareScene } from './prepare-scene.js';
import { readLabels } from './read-labels.js';
import { streamPatches } from './stream-patches.js';
import { sceneRoles } from './roles.js';
import { streamTiles } from './stream-tiles.js';

export interface PreprocessingContext {
  readonly store: ObjectStore;
  /** Largest upload of a scene. */
  readonly maximumSceneBytes: number;
}

/** Returns the service that prepares scenes and serves their patches and tiles. */
export function createPreprocessingService({ store, maximumSceneBytes }: PreprocessingContext): HostedService {
  const implementation: SceneServiceServer = {
    prepareScene: bidiStreamHandler((requests, context) => prepareScene(store, maximumSceneBytes, requests, context)),
    watchPreparation: serverStreamHandler(async function* ({ job }) {
      await Promise.resolve();
      throw failure('JOB_NOT_FOUND', { kind: 'preparation', job });
    }),
    cancelPreparation: unaryHandler(({ job }) =>
      Promise.reject(failure('JOB_NOT_FOUND', { kind: 'preparation', job })),
    ),
    listPreparations: unaryHandler(() => Promise.resolve({ preparations: [], nextPageToken: '' })),
    listScenes: unaryHandler(async (request) => {
      const { scenes, damaged } = await listScenes(store);
      const { page, nextPageToken } = pageOf([...scenes, ...damaged], ({ name }) => name, request);
      return {
        scenes: page.flatMap((found) => ('error' in found ? [] : [toSceneMessage(found)])),
        damaged: page.flatMap((found) => ('error' in found ? [{ ...found, error: toErrorStatus(found.error) }] : [])),
        nextPageToken,
      };
    }),
    getScene: unaryHandler(async ({ name }) => ({ scene: toSceneMessage(await readManifest(store, name)) })),
    deleteScene: unaryHandler(async ({ name }) => {
      await deleteScene(store, name);
      return {};
    }),
    readLabels: serverStreamHandler((request) => readLabels(store, request)),
    getPca: unaryHandler(async ({ scene: name }) => {
      const { mean, components } = await (await PreparedScene.open(store, name)).readPca();
      return { mean: [...mean], components: [...components] };
    }),
    streamPatches: serverStreamHandler((request, context) => streamPatches(store, request, context)),
    streamTiles: serverStreamHandler((request, context) => streamTiles(store, request, context)),
  };
  return {
    name: 'hyperswap.v1.SceneService',
    definition: SceneServiceService,
    implementation: { ...implementation },
    roles: sceneRoles,
  };
}
