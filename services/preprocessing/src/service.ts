import type { JobRunner } from '@hyperswap/jobs';
import type { Bus } from '@hyperswap/messaging';
import { ListScenesResponse, SceneServiceService, type SceneServiceServer } from '@hyperswap/proto';
import {
  bidiStreamHandler,
  pageOf,
  serverStreamHandler,
  toErrorStatus,
  unaryHandler,
  type ServiceGroup,
} from '@hyperswap/rpc';
import { deleteScene, listScenes, readManifest } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import type { Logger } from '@hyperswap/telemetry';
import { toSceneMessage } from './messages.js';
import { isPinned, openScene } from './open-scene.js';
import { Preparations } from './preparations.js';
import { readBands } from './read-bands.js';
import { readLabels } from './read-labels.js';
import { readLookupTable } from './read-lookup-table.js';
import { saveLabels } from './save-labels.js';
import { streamPatches } from './stream-patches.js';
import { sceneRoles } from './roles.js';
import { streamTiles } from './stream-tiles.js';
import { SceneSources } from './source/scene-sources.js';
import { startSweep } from './sweep.js';
import { Uploads } from './uploads.js';

export interface PreprocessingContext {
  readonly store: ObjectStore;
  readonly bus: Bus;
  /** Runner of this process's jobs, which has not begun yet. */
  readonly jobs: JobRunner;
  readonly logger: Logger;
  /** Largest upload of a scene. */
  readonly maximumSceneBytes: number;
  /** Beginnings of URLs under which scenes are read, separated by commas; empty: none. */
  readonly sceneUrls: string;
  /** Milliseconds that the answer to each request for a part of such a scene may take. */
  readonly sceneUrlMilliseconds: number;
  /** Milliseconds that reading all of such a scene may take. */
  readonly sceneUrlTotalMilliseconds: number;
  /** Takes names in URLs that resolve to private, loopback and link-local addresses. */
  readonly sceneUrlsPrivate: boolean;
  /** Uploads that may be open at once, interrupted ones included. */
  readonly uploadLimit: number;
  /** Milliseconds that an interrupted upload is kept. */
  readonly keepUploadsMilliseconds: number;
}

/** Returns the service that prepares scenes and serves their patches and tiles. @throws CONFIG_INVALID */
export function createPreprocessingServices(context: PreprocessingContext): ServiceGroup {
  const { store, bus, jobs: runner, logger, maximumSceneBytes, keepUploadsMilliseconds } = context;
  const uploads = new Uploads(bus, context.uploadLimit);
  const sources = new SceneSources(context);
  const preparations = new Preparations({ runner, store, uploads, sources, maximumSceneBytes });
  let stopSweep: (() => Promise<void>) | undefined;
  const implementation: SceneServiceServer = {
    prepareScene: bidiStreamHandler((requests, call) => preparations.prepare(requests, call)),
    describeSceneSource: unaryHandler(async ({ source }, { signal }) => {
      const opened = await sources.open(source, signal);
      await opened.close();
      return { raster: opened.raster };
    }),
    watchPreparation: serverStreamHandler(({ job }, call) => preparations.watch(job, call)),
    cancelPreparation: unaryHandler(async ({ job }) => {
      await preparations.cancel(job);
      return {};
    }),
    listPreparations: unaryHandler((request) => preparations.list(request)),
    listScenes: unaryHandler(async (request) => {
      const { scenes, damaged } = await listScenes(store);
      const all = [...scenes, ...damaged];
      const toMessage = (found: (typeof all)[number]): ListScenesResponse =>
        'error' in found
          ? { scenes: [], damaged: [{ ...found, error: toErrorStatus(found.error) }], nextPageToken: '' }
          : { scenes: [toSceneMessage(found)], damaged: [], nextPageToken: '' };
      const keyOf = ({ name }: (typeof all)[number]): string => name;
      const { page, nextPageToken } = await pageOf(all, { keyOf, toMessage, codec: ListScenesResponse }, request);
      return {
        scenes: page.flatMap((one) => one.scenes),
        damaged: page.flatMap((one) => one.damaged),
        nextPageToken,
      };
    }),
    getScene: unaryHandler(async ({ name, sceneDigest }) => {
      const found = isPinned(sceneDigest) ? (await openScene(store, { scene: name, sceneDigest })).manifest : undefined;
      return { scene: toSceneMessage(found ?? (await readManifest(store, name))) };
    }),
    deleteScene: unaryHandler(async ({ name }) => {
      await deleteScene(store, name);
      return {};
    }),
    readLabels: serverStreamHandler((request) => readLabels(store, request)),
    saveLabels: unaryHandler((request, context) => saveLabels(store, request, context)),
    readLookupTable: serverStreamHandler((request) => readLookupTable(store, request)),
    getPca: unaryHandler(async (request) => {
      const { mean, components } = await (await openScene(store, request)).readPca();
      return { mean: [...mean], components: [...components] };
    }),
    streamPatches: serverStreamHandler((request, context) => streamPatches(store, request, context)),
    streamTiles: serverStreamHandler((request, context) => streamTiles(store, request, context)),
    readBands: serverStreamHandler((request, context) => readBands(store, request, context)),
  };
  const service = {
    name: 'hyperswap.v1.SceneService',
    definition: SceneServiceService,
    implementation: { ...implementation },
    roles: sceneRoles,
  };
  return {
    services: [service],
    start: () => {
      const remove = preparations.remove.bind(preparations);
      stopSweep = startSweep({ store, uploads, runner, logger, keepMilliseconds: keepUploadsMilliseconds, remove });
    },
    stop: async () => {
      await stopSweep?.();
      await preparations.stop();
    },
  };
}
