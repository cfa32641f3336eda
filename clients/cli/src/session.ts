import {
  endpointOf,
  loadConfig,
  readTransportSecurity,
  requireGuardedToken,
  serviceNames,
  type Config,
  type ServiceName,
} from '@hyperswap/config';
import { failure, onStopSignal } from '@hyperswap/errors';
import {
  AdapterServiceClient,
  BackboneServiceClient,
  FleetServiceClient,
  JobServiceClient,
  SceneJobServiceClient,
  SceneServiceClient,
  TileServiceClient,
  TrainingServiceClient,
} from '@hyperswap/proto';
import { clientAccess, connect, type ClientAccess } from '@hyperswap/rpc';
import { createLogger, type Logger } from '@hyperswap/telemetry';
import type { Command } from 'commander';
import { createConnection } from 'node:net';
import { startLocalServices, type LocalServices } from './local-services.js';
import { printResult } from './terminal.js';

/** Flags that every command takes. */
export interface GlobalFlags {
  readonly endpoint?: string;
  readonly home?: string;
  readonly backbone?: string;
  readonly precision?: string;
  readonly config?: string;
  readonly logLevel?: string;
  readonly tokenFile?: string;
  readonly insecure?: boolean;
  readonly json?: boolean;
}

/** Clients of all services, wherever they run. */
export interface Session {
  readonly scenes: SceneServiceClient;
  readonly trainings: TrainingServiceClient;
  readonly backbones: BackboneServiceClient;
  readonly adapters: AdapterServiceClient;
  readonly sceneJobs: SceneJobServiceClient;
  readonly tiles: TileServiceClient;
  readonly jobs: JobServiceClient;
  readonly fleet: FleetServiceClient;
  readonly endpoint: string;
  readonly config: Config;
  /** Set when the command started the services itself. */
  readonly local: LocalServices | undefined;
  readonly signal: AbortSignal;
  close(): Promise<void>;
}

/**
 * Returns the configuration of a command, and a logger. Commands that embed the services log only errors by default.
 */
export function configure(flags: GlobalFlags, defaultLogLevel: string): { config: Config; logger: Logger } {
  const { endpoint, home, backbone, precision, logLevel, tokenFile, insecure } = flags;
  const environment = { HYPERSWAP_LOG_LEVEL: defaultLogLevel, ...process.env };
  const config = loadConfig({
    file: flags.config,
    environment,
    flags: { endpoint, home, backbone, precision, logLevel, tokenFile, insecure },
  });
  return { config, logger: createLogger(config.logLevel, 'hyperswap') };
}

/**
 * Connects to the services: at the given endpoint, else at the default port if something listens there, else in a
 * process of its own. Ctrl-C cancels the work of the session.
 *
 * @param services to start; fewer for commands that need no more
 */
export async function openSession(
  flags: GlobalFlags,
  services: readonly ServiceName[] = serviceNames,
): Promise<Session> {
  const { config } = configure(flags, 'error');
  const running = await runningEndpoint(config);
  if (running !== undefined) return connectSession(config, running, undefined);
  const local = await startLocalServices(config, services);
  return connectSession(config, local.endpoint, local);
}

/**
 * Connects to running services, and starts none.
 *
 * @returns undefined when no endpoint is set and nothing listens on the default port
 */
export async function openRunningSession(flags: GlobalFlags): Promise<Session | undefined> {
  const { config } = configure(flags, 'error');
  const running = await runningEndpoint(config);
  return running === undefined ? undefined : connectSession(config, running, undefined);
}

async function runningEndpoint({ endpoint, host, port }: Config): Promise<string | undefined> {
  if (endpoint !== '') return endpoint;
  return port !== 0 && (await listens(host, port)) ? `${host}:${port}` : undefined;
}

function connectSession(config: Config, endpoint: string, local: LocalServices | undefined): Session {
  const to = (service: ServiceName): { endpoint: string; access: ClientAccess } => {
    const found = endpointOf(endpoint, service);
    return { endpoint: found, access: local === undefined ? accessTo(found, config) : {} };
  };
  const [preprocessing, trainer, inference] = [to('preprocessing'), to('trainer'), to('tile-inference')];
  const interruption = new AbortController();
  const ignoreStopSignals = onStopSignal(() => {
    interruption.abort(failure('CANCELLED', { what: 'The command' }));
  });
  const clients = {
    scenes: connect(SceneServiceClient, preprocessing.endpoint, preprocessing.access),
    trainings: connect(TrainingServiceClient, trainer.endpoint, trainer.access),
    backbones: connect(BackboneServiceClient, trainer.endpoint, trainer.access),
    adapters: connect(AdapterServiceClient, inference.endpoint, inference.access),
    sceneJobs: connect(SceneJobServiceClient, inference.endpoint, inference.access),
    tiles: connect(TileServiceClient, inference.endpoint, inference.access),
    // Every process answers for all jobs.
    jobs: connect(JobServiceClient, preprocessing.endpoint, preprocessing.access),
    fleet: connect(FleetServiceClient, inference.endpoint, inference.access),
  };
  return {
    ...clients,
    endpoint,
    config,
    local,
    signal: interruption.signal,
    close: async () => {
      ignoreStopSignals();
      for (const client of Object.values(clients)) client.close();
      await local?.stop();
    },
  };
}

/**
 * Runs a command that makes a few calls and prints their result.
 *
 * @param services to start if none are reachable
 */
export async function withSession<Result>(
  command: Command,
  run: (session: Session) => Promise<Result>,
  describe: (result: Result) => readonly string[],
  services: readonly ServiceName[] = serviceNames,
): Promise<void> {
  const flags = command.optsWithGlobals<GlobalFlags>();
  const session = await openSession(flags, services);
  try {
    const result = await run(session);
    printResult(flags.json, result, describe(result));
  } finally {
    await session.close();
  }
}

/** Access to services elsewhere. @throws CONFIG_INSECURE, CONFIG_INVALID */
function accessTo(endpoint: string, config: Config): ClientAccess {
  requireGuardedToken(config, endpoint);
  return clientAccess({ ...config, ...readTransportSecurity(config) });
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, timeout: 500 });
    const answer = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => {
      answer(true);
    });
    for (const event of ['error', 'timeout']) {
      socket.once(event, () => {
        answer(false);
      });
    }
  });
}
