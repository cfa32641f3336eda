import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { TokenVerifier } from '@hyperswap/keys';
import { descriptorSetFile } from '@hyperswap/proto';
import { Admission } from './admission.js';
import { authorization } from './authorization.js';
import { listen, type ConnectionLimits, type Listener } from './connections.js';
import { Health, healthPath } from './health.js';
import type { HostedService } from './hosted-service.js';
import { IdleConnections } from './idle-connections.js';
import { Descriptors } from './reflection/descriptors.js';
import { reflectionServices } from './reflection/reflection.js';
import type { Role } from './roles.js';
import { withUndecodableRequests } from './undecodable.js';

/** Largest message either way, in bytes. Tiles and batches of patches are messages; larger ones are a mistake. */
export const maximumMessageBytes = 64 * 1024 * 1024;
/** Milliseconds between looks whether a silent client is still there, and for its answer: a machine that lost its network says nothing. */
const keepaliveMilliseconds = { time: 60_000, timeout: 20_000 };
/** Milliseconds for the last bytes of calls that have ended. */
const closeMilliseconds = 1_000;

/** Where a server listens, and what a connection may take. */
export interface ServerAddress extends ConnectionLimits {
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
}

/** Protection of a server; an empty one takes all who reach it. */
export interface ServerGuard {
  /** Who the server is, in PEM. With it, the server speaks TLS. */
  readonly identity?: { readonly certificate: string; readonly key: string };
  /** PEM of the authority that clients' certificates must come from. Without it, no certificate is asked for. */
  readonly clientAuthority?: string;
  /** Checks the token of every call. */
  readonly tokens?: TokenVerifier;
}

/** A running gRPC server: serving, then draining, then closed. */
export interface RunningServer {
  readonly host: string;
  /** Port that was asked for, or the free one that was found. */
  readonly port: number;
  readonly endpoint: string;
  /** Full names of the hosted services, as `hyperswap.v1.TrainingService`. */
  readonly services: readonly string[];
  /** Health that the server tells. No service is ready at the start. */
  readonly health: Health;
  /**
   * Makes every service NOT_SERVING, refuses new calls with DRAINING, ends watches, lets the other open calls finish, and cuts them off after the grace.
   *
   * @param graceMilliseconds how long open calls may take
   */
  drain(graceMilliseconds: number): Promise<void>;
}

/**
 * Serves services on one port, with `grpc.health.v1` and reflection. HTTP/2 as Node speaks it limits the headers of a call to 64 KiB.
 *
 * @throws PORT_IN_USE, CONFIG_INVALID when the host is not an address of this machine
 */
export async function startServer(
  services: readonly HostedService[],
  { host, port, ...limits }: ServerAddress,
  { identity, clientAuthority, tokens }: ServerGuard = {},
): Promise<RunningServer> {
  const { maximumStreams = 128, idleMilliseconds = 5 * 60_000, ageMilliseconds = 30 * 60_000 } = limits;
  // grpc-js asks within this time at the latest.
  const connections = new IdleConnections(2 * idleMilliseconds + closeMilliseconds);
  const admission = new Admission(healthPath, connections);
  const server = new Server({
    interceptors: [
      admission.interceptor,
      ...(tokens === undefined ? [] : [authorization(tokens, rolesByPath(services))]),
    ],
    'grpc.max_receive_message_length': maximumMessageBytes,
    'grpc.max_send_message_length': maximumMessageBytes,
    'grpc.max_concurrent_streams': maximumStreams,
    'grpc.max_connection_idle_ms': idleMilliseconds,
    // Calls that are open when a connection gets too old last as long as they need.
    'grpc.max_connection_age_ms': ageMilliseconds,
    'grpc.keepalive_time_ms': keepaliveMilliseconds.time,
    'grpc.keepalive_timeout_ms': keepaliveMilliseconds.timeout,
  });
  const names = services.map(({ name }) => name);
  const health = new Health(names);
  const hosted = [...services, health.service()];
  const reflection = reflectionServices(
    hosted.map(({ name }) => name),
    Descriptors.read(descriptorSetFile),
  );
  for (const { definition, implementation } of [...hosted, ...reflection]) {
    server.addService(withUndecodableRequests(definition), admission.attach(implementation));
  }
  // TLS ends at the listener; what comes from there is plain HTTP/2.
  const http2 = server.createConnectionInjector(ServerCredentials.createInsecure());
  const tls = identity && { ...identity, clientAuthority };
  const listener = await listen({ host, port }, tls, limits, (connection) => {
    connections.add(connection);
    http2.injectConnection(connection);
  });
  return {
    host,
    port: listener.port,
    endpoint: `${host}:${listener.port}`,
    services: names,
    health,
    drain: async (graceMilliseconds) => {
      health.drain();
      admission.drain();
      // Clients are told to take their next calls elsewhere. Who comes back nevertheless, a probe say, is still answered.
      http2.drain(graceMilliseconds);
      await within(graceMilliseconds, admission.idle());
      await close(server, listener);
    },
  };
}

/** Closes all connections: after what is under way to clients, or, if that takes too long, before. */
async function close(server: Server, listener: Listener): Promise<void> {
  // grpc-js takes connections for closed that still have bytes to send. The listener knows better.
  const closed = listener.close();
  server.tryShutdown(() => undefined);
  await within(closeMilliseconds, closed);
  server.forceShutdown();
  await within(closeMilliseconds, closed);
}

/** Waits for something, but no longer than some time. */
async function within(milliseconds: number, something: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([something, late]);
  clearTimeout(timer);
}

function rolesByPath(services: readonly HostedService[]): (path: string) => Role | undefined {
  const found = new Map(
    services.flatMap(({ definition, roles }) =>
      Object.entries(definition).map(([method, { path }]) => [path, roles[method]] as const),
    ),
  );
  return (path) => found.get(path);
}
