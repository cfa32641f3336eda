import { PreprocessingServiceService, type PreprocessingServiceServer } from '@hyperswap/proto';
import { bidiStreamHandler, serverStreamHandler, unaryHandler, type HostedService } from '@hyperswap/rpc';
import { deleteScene, listScenes, PreparedScene, readManifest } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import { toBytes, toSceneMessage } from './messages.js';
import { prepareScene } from './prepare-scene.js';
import { streamPatches } from './stream-patches.js';
import { methodRoles } from './roles.js';
import { streamTiles } from './stream-tiles.js';

export interface PreprocessingContext {
  readonly store: ObjectStore;
  /** Largest upload of a scene. */
  readonly maximumSceneBytes: number;
}

/** Reads raw scenes, reduces them, keeps them, and hands out patches and tiles. */
export function createPreprocessingService({ store, maximumSceneBytes }: PreprocessingContext): HostedService {
  const implementation: PreprocessingServiceServer = {
    prepareScene: bidiStreamHandler((requests, context) => prepareScene(store, maximumSceneBytes, requests, context)),
    listScenes: unaryHandler(async () => ({ scenes: (await listScenes(store)).scenes.map(toSceneMessage) })),
    getScene: unaryHandler(async ({ name }) => ({ scene: toSceneMessage(await readManifest(store, name)) })),
    deleteScene: unaryHandler(async ({ name }) => {
      await deleteScene(store, name);
      return {};
    }),
    getLabels: unaryHandler(async ({ scene: name, labelMap }) => {
      const scene = await PreparedScene.open(store, name);
      const labels = await scene.readLabels(labelMap === '' ? undefined : labelMap);
      const { height, width } = scene.manifest;
      return { height, width, labels: toBytes(labels) };
    }),
    getPca: unaryHandler(async ({ scene: name }) => {
      const { mean, components } = await (await PreparedScene.open(store, name)).readPca();
      return { mean: [...mean], components: [...components] };
    }),
    streamPatches: serverStreamHandler((request, context) => streamPatches(store, request, context)),
    streamTiles: serverStreamHandler((request, context) => streamTiles(store, request, context)),
  };
  return {
    name: 'hyperswap.v1.PreprocessingService',
    definition: PreprocessingServiceService,
    implementation: { ...implementation },
    roles: methodRoles,
  };
}
