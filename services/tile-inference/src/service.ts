import type { JobRunner } from '@hyperswap/jobs';
import type { Bus } from '@hyperswap/messaging';
import type { Precision } from '@hyperswap/proto';
import { AdapterRegistry, type Backbones, type TrustedKeys } from '@hyperswap/registry';
import type { ServiceGroup } from '@hyperswap/rpc';
import type { PrecisionChoice } from '@hyperswap/spectralgpt';
import { suitableBatch } from './batch-size.js';
import type { ObjectStore } from '@hyperswap/storage';
import type { Logger } from '@hyperswap/telemetry';
import type { Executor } from '@hyperswap/tensor';
import { observe } from '@hyperswap/telemetry';
import { createAdapterService } from './adapter-service.js';
import { BindingTable } from './binding-table.js';
import { EngineBatches, type EngineWork } from './engine-batches.js';
import type { TileProgram } from './engine/program.js';
import { BackboneLoans } from './backbone-loans.js';
import { WaitingMessages } from './predict.js';
import { createInferenceService } from './inference-protocol/inference-service.js';
import { Models } from './inference-protocol/models.js';
import { followRegistry } from './follow-registry.js';
import { toPrecisionMessage } from './precision.js';
import { createSceneJobService } from './scene-job-service.js';
import { SceneJobs } from './scene-jobs.js';
import { PatchScheduler, schedulerLimits } from './scheduler/patch-scheduler.js';
import { ServingStatistics } from './serving-statistics.js';
import { TileClassifier } from './tile-classifier.js';
import { createTileService } from './tile-service.js';

export interface TileInferenceContext {
  readonly store: ObjectStore;
  readonly backbones: Backbones;
  readonly bus: Bus;
  /** Runner of this process's jobs, which has not begun yet. */
  readonly jobs: JobRunner;
  readonly executor: Executor;
  readonly logger: Logger;
  /** Release of hyperswap, for clients. */
  readonly version: string;
  /** Returns true if a service of this process takes new work. */
  readonly isServing: (service: string) => boolean;
  /** Name of the backbone to serve, and what it runs in. */
  readonly backbone: string;
  readonly precision: PrecisionChoice;
  /** Patches of one batch; 0 for what suits backbone and device. */
  readonly batchSize: number;
  /** Patches that may wait and run. */
  readonly queueLimit: number;
  /** Bytes of tiles that wait and run, and of results that no client has taken. */
  readonly queueBytes: number;
  /** Memory of bindings that no pin asks for. */
  readonly bindingBytes: number;
  /** Memory of backbones that are not served. */
  readonly backboneBytes: number;
  /** Keys whose adapters are served; undefined serves all adapters. */
  readonly trustedKeys?: TrustedKeys;
}

/** Services with their constant properties. */
export interface TileInferenceServices extends ServiceGroup {
  readonly serving: {
    readonly backbone: string;
    readonly precision: Precision;
    /** Device of the engine: "cpu" or "gpu". */
    readonly device: string;
    /** Patches of a full batch. */
    readonly batchPatches: number;
  };
}

/**
 * Classifies tiles and scenes with any number of adapters on one frozen backbone.
 *
 * @throws BACKBONE_NOT_FOUND, BACKBONE_INVALID, ENGINE_MISSING
 */
export async function createTileInferenceServices(context: TileInferenceContext): Promise<TileInferenceServices> {
  const { store, backbones, bus, executor, logger } = context;
  const registry = new AdapterRegistry(store, bus, backbones, context.trustedKeys);
  const engine = await executor.load<TileProgram>(new URL('./engine/program.js', import.meta.url));
  await engine.call('limitBackbones', { bytes: context.backboneBytes });
  const backbone = await backbones.use(context.backbone, async (backbone) => {
    const { name, digest, weightsDigest, config, parameters } = backbone;
    const residence = await engine.call('makeResident', { backbone, precision: context.precision });
    return { name, digest, weightsDigest, config, parameters, ...residence };
  });
  const { name, digest, config, parameters, precision, int8Error } = backbone;
  const bindings = new BindingTable({ registry, engine, backbone, budgetBytes: context.bindingBytes, logger });
  const { device } = await executor.describe();
  const batchCost = context.batchSize === 0 ? suitableBatch(config, device) : context.batchSize;
  const statistics = new ServingStatistics();
  const batches = new EngineBatches(engine, statistics);
  const limits = schedulerLimits(batchCost, { patches: context.queueLimit, bytes: context.queueBytes });
  const scheduler = new PatchScheduler<EngineWork>((parts, options) => batches.run(parts, options), limits);
  const tiles = new TileClassifier({ bindings, scheduler, batches, statistics, config });
  const jobs = new SceneJobs({ runner: context.jobs, store, registry, bindings, tiles, logger });
  const { reconciler, stop: stopFollowing } = followRegistry(registry, bindings, logger);

  const gauges = [
    observe('waitingPatches', () =>
      Object.entries(scheduler.waitingByFlow).map(([flow, patches]) => [patches, { flow }] as const),
    ),
    observe('waitingBytes', () => [[scheduler.reservedBytes]]),
    observe('bindings', () => bindings.states()),
    observe('bindingBytes', () => [[bindings.bound().reduce((sum, { bytes }) => sum + bytes, 0)]]),
  ];
  const { version, isServing } = context;
  const models = new Models(registry, bindings, digest);
  const served = { name, digest, parameters, precision, int8Error };
  const predict = {
    ...{ backbones, registry, engine, bindings, scheduler, served: backbone, precision: context.precision },
    loans: new BackboneLoans({ backbones, engine, served: backbone }),
    waiting: new WaitingMessages(context.queueBytes / 4),
  };
  return {
    services: [
      createTileService({ store, executor, bindings, tiles, scheduler, reconciler, served, predict }),
      createSceneJobService(jobs),
      createAdapterService(registry, bindings),
      createInferenceService({ store, registry, bindings, models, tiles, statistics, version, isServing }),
    ],
    serving: { backbone: name, precision: toPrecisionMessage(precision), device, batchPatches: batchCost },
    // The backbone is resident by now.
    ready: reconciler.settled,
    drain: () => {
      jobs.drain();
    },
    stop: async () => {
      for (const stop of gauges) stop();
      await stopFollowing();
    },
  };
}
