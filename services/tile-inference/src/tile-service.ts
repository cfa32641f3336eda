import { TileServiceService, type GetStatusResponse, type TileServiceServer } from '@hyperswap/proto';
import { bidiStreamHandler, toDuration, unaryHandler, type HostedService } from '@hyperswap/rpc';
import { accelerator, processorReason, type Executor } from '@hyperswap/tensor';
import { classifyTiles, type ClassifyTilesContext } from './classify-tiles.js';
import type { EngineWork } from './engine-batches.js';
import { toPrecisionMessage } from './precision.js';
import { predict, type PredictContext } from './predict.js';
import type { Reconciler } from './reconciler.js';
import { tileRoles } from './roles.js';
import type { PatchScheduler } from './scheduler/patch-scheduler.js';
import type { ServedBackbone } from './served-backbone.js';

export interface TileServiceContext extends ClassifyTilesContext {
  readonly executor: Executor;
  readonly scheduler: PatchScheduler<EngineWork>;
  readonly reconciler: Reconciler;
  readonly served: ServedBackbone;
  readonly predict: PredictContext;
}

/** Returns the service that classifies tiles. */
export function createTileService(context: TileServiceContext): HostedService {
  // Determined before the first status request.
  void accelerator().catch(() => undefined);
  const implementation: TileServiceServer = {
    classifyTiles: bidiStreamHandler((requests, call) => classifyTiles(context, requests, call)),
    predict: bidiStreamHandler((requests, call) => predict(context.predict, requests, call)),
    getStatus: unaryHandler(() => describe(context)),
  };
  return {
    name: 'hyperswap.v1.TileService',
    definition: TileServiceService,
    implementation: { ...implementation },
    roles: tileRoles,
  };
}

async function describe(context: TileServiceContext): Promise<GetStatusResponse> {
  const { executor, bindings, scheduler, reconciler, served } = context;
  const [description, found, backboneBytes] = await Promise.all([
    executor.describe(),
    accelerator(),
    context.predict.engine.call('backboneBytes', undefined, { urgent: true }),
  ]);
  const { tensorflow, device, threads, liveTensors, residentBytes, fusedKernels, speeds } = description;
  return {
    backbone: served.name,
    backboneDigest: served.digest,
    backboneParameters: served.parameters,
    engine: {
      tensorflow,
      device,
      threads,
      liveTensors,
      residentBytes,
      fusedKernels,
      backboneBytes,
      ...speeds,
      build: found.build,
      driver: found.driver,
      missingLibraries: [...found.missingLibraries],
      processorReason: processorReason(found, device),
      precision: toPrecisionMessage(served.precision),
      int8Error: served.int8Error,
    },
    bindings: bindings.bound().map(({ reference, digest, bindMilliseconds }) => ({
      adapter: reference,
      digest,
      bindTime: toDuration(bindMilliseconds),
    })),
    waitingPatches: scheduler.waitingPatches,
    waitingBytes: scheduler.reservedBytes,
    classifiedPatches: scheduler.classifiedPatches,
    desired: reconciler.status(),
  };
}
