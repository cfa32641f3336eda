import type { Bus } from '@hyperswap/messaging';
import { TileInferenceServiceService, type TileInferenceServiceServer } from '@hyperswap/proto';
import { AdapterRegistry, toAdapterVersion, withBackbone, type TrustedKeys } from '@hyperswap/registry';
import {
  bidiStreamHandler,
  clientStreamHandler,
  serverStreamHandler,
  unaryHandler,
  type HostedService,
} from '@hyperswap/rpc';
import type { PrecisionChoice } from '@hyperswap/spectralgpt';
import { suitableBatch } from './batch-size.js';
import type { ObjectStore } from '@hyperswap/storage';
import type { Logger } from '@hyperswap/telemetry';
import type { Executor } from '@hyperswap/tensor';
import { BindingTable } from './binding-table.js';
import { classifyTiles } from './classify-tiles.js';
import type { TileProgram } from './engine/program.js';
import { PatchQueue } from './patch-queue.js';
import { Reconciler } from './reconciler.js';
import { predict } from './predict.js';
import { exportAdapter, listAdapters, registerAdapter, watchAdapters } from './registry-calls.js';
import { methodRoles } from './roles.js';
import { SceneJobs } from './scene-jobs.js';

export interface TileInferenceContext {
  readonly store: ObjectStore;
  readonly bus: Bus;
  readonly executor: Executor;
  readonly logger: Logger;
  /** Name of the backbone to serve, and what it runs in. */
  readonly backbone: string;
  readonly precision: PrecisionChoice;
  /** Patches of one batch; 0 for what suits backbone and device. */
  readonly batchSize: number;
  /** Patches that may wait. */
  readonly queueLimit: number;
  /** Of work items. */
  readonly leaseMilliseconds: number;
  /** Scene jobs that ended are kept so long, with their maps. */
  readonly keepJobsMilliseconds: number;
  /** Whose adapters are served; undefined: everybody's. */
  readonly trustedKeys?: TrustedKeys;
}

/**
 * Classifies tiles and scenes with any number of adapters on one frozen backbone.
 *
 * @throws BACKBONE_NOT_FOUND, BACKBONE_INVALID, ENGINE_MISSING
 */
export async function createTileInferenceService(
  context: TileInferenceContext,
): Promise<HostedService & { drain(): void; stop(): Promise<void> }> {
  const { store, bus, executor, logger } = context;
  const registry = new AdapterRegistry(store, bus, context.trustedKeys);
  const engine = await executor.load<TileProgram>(new URL('./engine/program.js', import.meta.url));
  const { name, digest, config, parameters, precision } = await withBackbone(
    store,
    context.backbone,
    async (backbone) => ({
      ...backbone,
      precision: await engine.call('makeResident', { backbone, precision: context.precision }),
    }),
  );
  const bindings = new BindingTable(registry, engine, { name, digest, precision }, logger);
  const { device } = await executor.describe();
  const batchSize = context.batchSize === 0 ? suitableBatch(config, device) : context.batchSize;
  const queue = new PatchQueue(engine, batchSize, context.queueLimit);
  const jobs = new SceneJobs({
    store,
    bus,
    registry,
    bindings,
    queue,
    logger,
    leaseMilliseconds: context.leaseMilliseconds,
    keepMilliseconds: context.keepJobsMilliseconds,
  });
  const reconciler = new Reconciler(registry, bindings, logger);
  // Versions that an alias points at are made ready before anybody asks, so that a swap is a change of pointer.
  const unwatch = registry.watch((name, { aliases }) => {
    for (const alias of Object.keys(aliases)) void bindings.prefetch(`${name}:${alias}`);
  });

  const implementation: TileInferenceServiceServer = {
    classifyTiles: bidiStreamHandler((requests, call) => classifyTiles(bindings, queue, requests, call)),
    classifyScene: serverStreamHandler((request, call) => jobs.classify(request, call)),
    watchSceneJob: serverStreamHandler(({ job }, call) => jobs.watch(job, call)),
    cancelSceneJob: unaryHandler(async ({ job }) => {
      await jobs.cancel(job);
      return {};
    }),
    listSceneJobs: unaryHandler(async () => ({ jobs: await jobs.list() })),
    predict: bidiStreamHandler((requests, call) =>
      predict({ store, registry, engine, backbone: name, precision: context.precision }, requests, call),
    ),
    registerAdapter: clientStreamHandler((requests) => registerAdapter(registry, requests)),
    listAdapters: unaryHandler((request) => listAdapters(registry, request)),
    getAdapter: unaryHandler(async ({ adapter }) => ({ adapter: toAdapterVersion(await registry.resolve(adapter)) })),
    exportAdapter: serverStreamHandler(({ adapter }) => exportAdapter(registry, adapter)),
    setAlias: unaryHandler(async ({ adapter, alias }) => {
      // Made ready first: whoever uses the alias never waits for a load, and a version that cannot serve never gets it.
      bindings.release(await bindings.acquire(adapter));
      return { adapter: toAdapterVersion(await registry.setAlias(adapter, alias)) };
    }),
    retireAdapter: unaryHandler(async ({ adapter, undo }) => ({
      adapter: toAdapterVersion(await registry.setRetired(adapter, !undo)),
    })),
    pinAdapter: unaryHandler(async ({ adapter, undo }) => ({
      adapter: toAdapterVersion(await registry.setPinned(adapter, !undo)),
    })),
    collectAdapters: unaryHandler(async () => ({ adapters: await registry.collectGarbage() })),
    watchAdapters: serverStreamHandler((_, { signal }) => watchAdapters(registry, signal)),
    getStatus: unaryHandler(async () => {
      const [description, bound] = await Promise.all([executor.describe(), bindings.bound()]);
      return {
        backbone: name,
        backboneDigest: digest,
        backboneParameters: parameters,
        engine: { ...description, ...description.speeds, precision },
        bindings: bound.map(({ reference, digest, bindMilliseconds }) => ({
          adapter: reference,
          digest,
          bindMilliseconds,
        })),
        waitingPatches: queue.waiting,
        classifiedPatches: queue.classified,
        desired: reconciler.status(),
      };
    }),
  };
  return {
    name: 'hyperswap.v1.TileInferenceService',
    definition: TileInferenceServiceService,
    implementation: { ...implementation },
    roles: methodRoles,
    drain: () => {
      jobs.drain();
    },
    stop: async () => {
      unwatch();
      await reconciler.stop();
      await jobs.stop();
    },
  };
}
