import { hostname } from 'node:os';
import path from 'node:path';
import {
  endpointOf,
  prepareHome,
  readTransportSecurity,
  requireGuardedServers,
  type Config,
  type ServiceName,
  type TransportSecurity,
} from '@hyperswap/config';
import { failure, type HyperswapError } from '@hyperswap/errors';
import { EmbeddedBus, NatsBus, type Bus, type DamagedValue, type EmbeddedBusSettings } from '@hyperswap/messaging';
import { JobRunner } from '@hyperswap/jobs';
import { PodState } from '@hyperswap/proto';
import { createPreprocessingServices } from '@hyperswap/preprocessing';
import {
  clientAccess,
  startServer,
  type ClientAccess,
  type ServiceGroup,
  type RunningServer,
  type ServerGuard,
} from '@hyperswap/rpc';
import { Backbones } from '@hyperswap/registry';
import { DirectoryObjectStore, S3ObjectStore, type ObjectStore } from '@hyperswap/storage';
import type { Logger, Snapshot } from '@hyperswap/telemetry';
import { Executor } from '@hyperswap/tensor';
import { createTileInferenceServices, type TileInferenceServices } from '@hyperswap/tile-inference';
import { createTrainerServices, type PreprocessingAddress } from '@hyperswap/trainer';
import type { RunningGateway } from '@hyperswap/gateway';
import { addressOf } from './address-of.js';
import { Fleet } from './fleet/fleet.js';
import { countJobs, createFleetService } from './fleet/fleet-service.js';
import { podReport, type PodIdentity } from './fleet/pod-report.js';
import { createJobService } from './job-service.js';
import { observeHost } from './observe-host.js';
import { openGateway } from './open-gateway.js';
import { withTelemetry } from './with-telemetry.js';
import { adapterTrust, ownAccess, serverGuard } from './guard.js';
import { Readiness } from './readiness.js';
import { release } from './release.js';

/** Services running in this process. */
export interface Host {
  readonly server: RunningServer;
  /** Address of the web console; undefined where no gateway runs. */
  readonly console: string | undefined;
  /** In words, for `doctor`. */
  readonly store: string;
  readonly bus: string;
  /** Resolves when the executor has ended and the process cannot serve any more. Every name is NOT_SERVING then. */
  readonly failed: Promise<HyperswapError>;
  /** Resolves when no job has run in this process for the given time. */
  idle(milliseconds: number): Promise<void>;
  /** Refuses new calls, ends watches, lets other open calls finish within the grace period, and closes everything. */
  stop(graceMilliseconds: number): Promise<void>;
}

interface Protection {
  readonly security: TransportSecurity;
  readonly guard: ServerGuard;
  /** Credentials of the process for its own services. */
  readonly own: () => ClientAccess;
}

/** Parts of a host beside its services. */
export interface HostParts {
  /** Folder of the console's files. With it, a gateway serves them. */
  readonly site?: string | undefined;
}

/** Services for a single command: on a free port of loopback, without authentication. */
export async function startPrivateHost(config: Config, names: readonly ServiceName[], logger: Logger): Promise<Host> {
  const security = readTransportSecurity(config);
  const protection = { security, guard: {}, own: () => ({}) };
  const own = { ...config, host: '127.0.0.1', port: 0, metricsPort: 0 };
  return withTelemetry(own, (snapshot) => start(own, names, logger, protection, 'private', snapshot, {}));
}

/**
 * Starts services in this process, on one port, guarded as configured.
 *
 * @throws PORT_IN_USE, HOME_UNUSABLE, HOME_IN_USE, STORE_FULL, ENGINE_MISSING, BACKBONE_NOT_FOUND, STORE_UNREACHABLE,
 * STORE_REFUSED, BUS_UNREACHABLE, CONFIG_INSECURE
 */
export async function startHost(
  config: Config,
  names: readonly ServiceName[],
  logger: Logger,
  parts: HostParts = {},
): Promise<Host> {
  const security = readTransportSecurity(config);
  const guard = await serverGuard(config, security);
  const protection = { security, guard, own: () => ownAccess(config, security) };
  return withTelemetry(config, (snapshot) => start(config, names, logger, protection, 'kept', snapshot, parts));
}

async function start(
  config: Config,
  names: readonly ServiceName[],
  logger: Logger,
  { security, guard, own }: Protection,
  work: EmbeddedBusSettings['work'],
  snapshot: Snapshot,
  { site }: HostParts,
): Promise<Host> {
  requireGuardedServers(config);
  const trust = adapterTrust(config);
  const isOwnPreprocessing = names.includes('preprocessing');
  await prepareHome(config.home, [
    ...(config.s3Endpoint === '' ? ['store'] : []),
    ...(config.natsUrl === '' ? ['bus'] : []),
  ]);
  const store = await openStore(config, security);
  const bus = await openBus(config, security, logger, work).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const backbones = new Backbones(store, { cacheBytes: config.backboneCacheBytes });
  // The engine's thread reads it, as TensorFlow reads its settings, from the environment.
  process.env.HYPERSWAP_KERNELS = config.kernels;
  // Shows the start-up lines of TensorFlow's library at debug level (shared/tensor/kernels/start-up-log.cc).
  if (['debug', 'trace'].includes(config.logLevel)) process.env.TF_CPP_MIN_LOG_LEVEL ??= '0';
  const executor = names.some((name) => name !== 'preprocessing') ? new Executor() : undefined;
  const stopObserving = observeHost(executor);
  const { leaseMilliseconds, jobLimit, jobRetryMilliseconds: retryMilliseconds } = config;
  const keepMilliseconds = config.keepJobsHours * 3_600_000;
  const jobs = new JobRunner({
    ...{ bus, store, logger, leaseMilliseconds, keepMilliseconds, jobLimit, retryMilliseconds },
  });
  let server: RunningServer | undefined;
  let gateway: RunningGateway | undefined;
  let served: TileInferenceServices['serving'] | undefined;
  const fleet = new Fleet({
    events: bus.events,
    countJobs: () => countJobs(jobs),
    report: async () => {
      // A process that starts has no report yet.
      if (server === undefined) throw failure('NOT_SERVING', { service: 'The process', endpoint: config.host });
      return podReport(identityOf(server, served), stateOf(server), await snapshot());
    },
  });
  const groups: ServiceGroup[] = [{ services: [createJobService(jobs), createFleetService(fleet)] }];
  const close = async (): Promise<void> => {
    fleet.stop();
    // Jobs end first: they use what the services have.
    await jobs.stop();
    for (const group of groups) await group.stop?.();
    await executor?.stop();
    await backbones.close();
    await bus.close();
    await store.close();
    stopObserving();
  };
  try {
    if (names.includes('preprocessing')) {
      const { maximumSceneBytes, uploadLimit, sceneUrls, sceneUrlsPrivate } = config;
      const { sceneUrlMilliseconds, sceneUrlTotalMilliseconds } = config;
      const keepUploadsMilliseconds = config.keepUploadsHours * 3_600_000;
      const reading = { sceneUrls, sceneUrlMilliseconds, sceneUrlTotalMilliseconds, sceneUrlsPrivate };
      const uploads = { maximumSceneBytes, uploadLimit, keepUploadsMilliseconds, ...reading };
      groups.push(createPreprocessingServices({ store, bus, jobs, logger, ...uploads }));
    }
    if (executor !== undefined && names.includes('trainer')) {
      const access = isOwnPreprocessing ? own() : clientAccess({ ...config, ...security });
      const preprocessing = (): PreprocessingAddress => ({
        endpoint:
          isOwnPreprocessing && server !== undefined
            ? `${guard.identity === undefined ? '' : 'https://'}${server.endpoint}`
            : endpointOf(config.endpoint, 'preprocessing'),
        access,
      });
      const { backbone, precision, trainingBytes, hyperSigmaWeights } = config;
      const training = { backbone, precision, trainingBytes, hyperSigmaWeights, preprocessing, ...trust };
      groups.push(createTrainerServices({ store, backbones, bus, jobs, executor, ...training }));
    }
    if (executor !== undefined && names.includes('tile-inference')) {
      const { backbone, precision, batchSize, queueLimit, queueBytes, bindingBytes, backboneBytes } = config;
      const limits = { batchSize, queueLimit, queueBytes, bindingBytes, backboneBytes };
      const serving = { backbone, precision, ...limits, ...trust };
      const isServing = (service: string): boolean => server?.health.isServing(service) === true;
      const context = { store, backbones, bus, jobs, executor, logger, version: release, isServing, ...serving };
      const inference = await createTileInferenceServices(context);
      served = inference.serving;
      groups.push(inference);
    }
    const services = groups.flatMap((group) => group.services);
    server = await startServer(services, addressOf(config), guard);
    if (site !== undefined) {
      gateway = await openGateway({ config, names, server, security, guard, logger, site });
    }
  } catch (error) {
    await server?.drain(0);
    await close();
    throw error;
  }
  const running = server;
  const dependencies = [
    { name: store.description, probe: (milliseconds: number) => store.probe(milliseconds) },
    { name: bus.description, probe: (milliseconds: number) => bus.probe(milliseconds) },
  ];
  const readiness = new Readiness(groups, dependencies, running.health, logger, config.healthMilliseconds);
  for (const group of groups) group.start?.();
  // Not before this process serves: a training may ask its own preprocessing service.
  jobs.begin();
  logger.info(
    { endpoint: running.endpoint, services: names, store: store.description, bus: bus.description },
    'serving',
  );
  return {
    server: running,
    console: gateway?.address,
    store: store.description,
    bus: bus.description,
    failed: failureOf(executor, running),
    idle: (milliseconds) => jobs.idle(milliseconds),
    stop: async (graceMilliseconds) => {
      logger.info('draining');
      readiness.stop();
      for (const group of groups) group.drain?.();
      jobs.drain();
      await Promise.all([running.drain(graceMilliseconds), gateway?.stop(graceMilliseconds)]);
      await close();
      logger.info('stopped');
    },
  };
}

function identityOf({ port, services }: RunningServer, serving: PodIdentity['serving']): PodIdentity {
  return { pod: `${hostname()}:${port}`, services, serving };
}

function stateOf({ health }: RunningServer): PodState {
  if (health.draining) return PodState.POD_STATE_DRAINING;
  return health.isServing('') === true ? PodState.POD_STATE_SERVING : PodState.POD_STATE_NOT_SERVING;
}

/** Resolves when the executor ends by itself. */
async function failureOf(executor: Executor | undefined, { health }: RunningServer): Promise<HyperswapError> {
  const reason = await (executor?.crashed ?? new Promise<never>(() => undefined));
  health.fail();
  return failure('ENGINE_STOPPED', { reason });
}

/** MinIO where it is configured, else a directory. */
async function openStore(
  { home, s3Endpoint, s3AccessKey, s3SecretKey, s3Bucket }: Config,
  { trusted, identity }: TransportSecurity,
): Promise<ObjectStore> {
  if (s3Endpoint === '') return new DirectoryObjectStore(path.join(home, 'store'));
  return S3ObjectStore.open({
    endpoint: s3Endpoint,
    accessKey: s3AccessKey,
    secretKey: s3SecretKey,
    bucket: s3Bucket,
    trusted,
    identity,
  });
}

/** NATS where it is configured, else this process and a directory. @throws BUS_UNREACHABLE, HOME_IN_USE */
async function openBus(
  { home, natsUrl, leaseMilliseconds }: Config,
  { trusted, identity }: TransportSecurity,
  logger: Logger,
  work: EmbeddedBusSettings['work'],
): Promise<Bus> {
  const onDamaged = (damaged: DamagedValue): void => {
    logger.warn(damaged, 'a value of shared state cannot be read, and is left out');
  };
  if (natsUrl === '') {
    return EmbeddedBus.open({ directory: path.join(home, 'bus'), work, leaseMilliseconds, onDamaged });
  }
  return NatsBus.open({ url: natsUrl, leaseMilliseconds, trusted, identity, onDamaged });
}
