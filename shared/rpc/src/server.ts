import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { TokenVerifier } from '@hyperswap/keys';
import { descriptorSetFile } from '@hyperswap/proto';
import { Admission } from './admission.js';
import { authorization } from './authorization.js';
import { listen, type ConnectionLimits, type Listener } from './connections.js';
import { countCalls, passUnknown, refuseUnknown } from './counting.js';
import { Health, healthPath } from './health.js';
import type { HostedService } from './hosted-service.js';
import { IdleConnections } from './idle-connections.js';
import { readAhead } from './read-ahead.js';
import { Descriptors } from './reflection/descriptors.js';
import { reflectionServices } from './reflection/reflection.js';
import type { Role } from './roles.js';
import { withUndecodableRequests } from './undecodable.js';

/** Limit of a message in bytes, both ways. */
export const maximumMessageBytes = 64 * 1024 * 1024;
/** Milliseconds to send the last bytes of calls that have ended. */
const closeMilliseconds = 1_000;

/** Address of a server, and limits of its connections. */
export interface ServerAddress extends ConnectionLimits {
  readonly host: string;
  /** Port; 0 takes a free one. */
  readonly port: number;
}

/** Protection of a server. Without any, every client may call. */
export interface ServerGuard {
  /** Certificate and key of the server, in PEM. With them, it speaks TLS. */
  readonly identity?: { readonly certificate: string; readonly key: string };
  /** Authority that must have signed the certificates of clients, in PEM. Without it, clients need no certificate. */
  readonly clientAuthority?: string;
  /** Checks the token of every call. */
  readonly tokens?: TokenVerifier;
}

/** A running gRPC server: serving, then draining, then closed. */
export interface RunningServer {
  readonly host: string;
  /** Port in use; a free one where 0 was asked for. */
  readonly port: number;
  readonly endpoint: string;
  /** Full names of the hosted services, for example `hyperswap.v1.TrainingService`. */
  readonly services: readonly string[];
  /** Health of the services. None is ready at the start. */
  readonly health: Health;
  /**
   * Drains and closes the server: makes every service NOT_SERVING, refuses new calls with DRAINING, ends watches and
   * streams of silent clients, and waits for the other open calls. After half of the grace it reads no more requests of
   * open streams, and answers those that it has read.
   *
   * @param graceMilliseconds time until calls that are still open end with DRAINING
   */
  drain(graceMilliseconds: number): Promise<void>;
}

/**
 * Serves services on one port, with `grpc.health.v1` and reflection. Node limits the headers of a call to 64 KiB.
 *
 * @throws PORT_IN_USE, CONFIG_INVALID when the host is not an address of this machine
 */
export async function startServer(
  services: readonly HostedService[],
  { host, port, ...limits }: ServerAddress,
  { identity, clientAuthority, tokens }: ServerGuard = {},
): Promise<RunningServer> {
  const { maximumStreams = 128, requestMilliseconds = 30_000 } = limits;
  const { idleMilliseconds = 5 * 60_000, ageMilliseconds = 30 * 60_000 } = limits;
  // grpc-js asks idle clients to leave after one to two times idleMilliseconds.
  const connections = new IdleConnections(2 * idleMilliseconds + closeMilliseconds);
  const admission = new Admission(healthPath, connections, requestMilliseconds);
  const names = services.map(({ name }) => name);
  const health = new Health(names);
  const hosted = [...services, health.service()];
  const reflection = reflectionServices(
    hosted.map(({ name }) => name),
    Descriptors.read(descriptorSetFile),
  );
  const all = [...hosted, ...reflection];
  const paths = new Set(all.flatMap(({ definition }) => Object.values(definition).map(({ path }) => path)));
  const isKnown = (path: string): boolean => paths.has(path);
  const server = new Server({
    interceptors: [
      countCalls(isKnown),
      refuseUnknown(isKnown),
      readAhead,
      admission.interceptor,
      ...(tokens === undefined ? [] : [authorization(tokens, rolesByPath(services))]),
    ],
    'grpc.max_receive_message_length': maximumMessageBytes,
    'grpc.max_send_message_length': maximumMessageBytes,
    'grpc.max_concurrent_streams': maximumStreams,
    'grpc.max_connection_idle_ms': idleMilliseconds,
    // Open calls may outlast the age of their connection. No keepalive pings of grpc-js: it cannot send one on a
    // connection that takes no more calls, and then ends its calls (grpc/grpc-node#3068). The listener asks the system
    // to find clients that vanished.
    'grpc.max_connection_age_ms': ageMilliseconds,
  });
  for (const { definition, implementation } of all) {
    server.addService(withUndecodableRequests(definition), admission.attach(implementation));
  }
  passUnknown(server);
  // TLS ends at the listener, which passes on plain HTTP/2.
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
      admission.drain(graceMilliseconds / 2);
      // This asks clients to connect elsewhere, and cuts connections off after the time. The port stays open for health
      // probes.
      http2.drain(graceMilliseconds + closeMilliseconds);
      await within(graceMilliseconds, admission.idle());
      admission.cutOff();
      await close(server, listener);
    },
  };
}

/** Closes all connections. Bytes on their way to clients get a moment. */
async function close(server: Server, listener: Listener): Promise<void> {
  // grpc-js reports connections as closed that still have bytes to send, so this waits for the listener's.
  const closed = listener.close();
  server.tryShutdown(() => undefined);
  await within(closeMilliseconds, closed);
  server.forceShutdown();
  await within(closeMilliseconds, closed);
}

/** Waits for a promise, for some time at most. */
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
