import path from 'node:path';
import type { Config } from '@hyperswap/config';
import { EmbeddedBus } from '@hyperswap/messaging';
import { createPreprocessingService } from '@hyperswap/preprocessing';
import { startServer, type HostedService, type RunningServer } from '@hyperswap/rpc';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { startTelemetry, type Logger } from '@hyperswap/telemetry';
import { Executor } from '@hyperswap/tensor';
import { createTileInferenceService } from '@hyperswap/tile-inference';
import { createTrainerService } from '@hyperswap/trainer';

export const serviceNames = ['preprocessing', 'trainer', 'tile-inference'] as const;
export type ServiceName = (typeof serviceNames)[number];

/** Services running in this process. */
export interface Host {
  readonly server: RunningServer;
  /** In words, for `doctor`. */
  readonly store: string;
  readonly bus: string;
  /** Stops admitting, lets open calls finish within the grace, and closes all that was opened. */
  stop(graceMilliseconds: number): Promise<void>;
}

/**
 * Starts services in this process, on one port.
 *
 * @throws PORT_IN_USE, ENGINE_MISSING, BACKBONE_NOT_FOUND
 */
export async function startHost(config: Config, names: readonly ServiceName[], logger: Logger): Promise<Host> {
  const store = new DirectoryObjectStore(path.join(config.home, 'store'));
  const bus = new EmbeddedBus(path.join(config.home, 'bus'));
  const stopTelemetry = await startTelemetry('hyperswap');
  const executor = names.some((name) => name !== 'preprocessing') ? new Executor() : undefined;
  const services: (HostedService & { stop?(): Promise<void> })[] = [];
  let server: RunningServer | undefined;
  const close = async (): Promise<void> => {
    for (const service of services) await service.stop?.();
    await executor?.stop();
    await bus.close();
    await store.close();
    await stopTelemetry();
  };
  try {
    if (names.includes('preprocessing')) {
      services.push(createPreprocessingService({ store, maximumSceneBytes: config.maximumSceneBytes }));
    }
    if (executor !== undefined && names.includes('trainer')) {
      const preprocessingEndpoint = (): string =>
        names.includes('preprocessing') && server !== undefined ? server.endpoint : config.endpoint;
      const { backbone, precision } = config;
      const context = { store, bus, executor, logger, backbone, precision, preprocessingEndpoint };
      services.push(createTrainerService(context));
    }
    if (executor !== undefined && names.includes('tile-inference')) {
      const { backbone, precision, batchSize, queueLimit } = config;
      const context = { store, bus, executor, logger, backbone, precision, batchSize, queueLimit };
      services.push(await createTileInferenceService(context));
    }
    server = await startServer(services, { host: config.host, port: config.port });
  } catch (error) {
    await close();
    throw error;
  }
  const running = server;
  logger.info(
    { endpoint: running.endpoint, services: names, store: store.description, bus: bus.description },
    'serving',
  );
  return {
    server: running,
    store: store.description,
    bus: bus.description,
    stop: async (graceMilliseconds) => {
      logger.info('draining');
      await running.drain(graceMilliseconds);
      await close();
      logger.info('stopped');
    },
  };
}
