import { Server, ServerCredentials } from '@grpc/grpc-js';
import { failure } from '@hyperswap/errors';
import type { TokenVerifier } from '@hyperswap/keys';
import { HealthImplementation } from 'grpc-health-check';
import { descriptorSetFile } from '@hyperswap/proto';
import { authorization } from './authorization.js';
import type { HostedService } from './hosted-service.js';
import { Descriptors } from './reflection/descriptors.js';
import { reflectionServices } from './reflection/reflection.js';
import type { Role } from './roles.js';
import { withUndecodableRequests } from './undecodable.js';

/** Tiles and batches of patches are messages; larger ones are a mistake. */
export const maximumMessageBytes = 64 * 1024 * 1024;

export interface ServerAddress {
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
  /** When connections are asked to take no more calls. */
  readonly connectionAgeMilliseconds?: number;
}

/** How a server is guarded; an empty one takes all who reach it. */
export interface ServerGuard {
  /** PEM of who it is; with it, TLS is spoken. */
  readonly identity?: { readonly certificate: string; readonly key: string };
  /** PEM of the authority that clients' certificates must come from; without it none is asked for. */
  readonly clientAuthority?: string;
  /** Checks the token of every call. */
  readonly tokens?: TokenVerifier;
}

/** A running gRPC server: serving, then draining, then closed. */
export interface RunningServer {
  readonly host: string;
  /** The port it got, when asked for 0. */
  readonly port: number;
  readonly endpoint: string;
  /** Full names of the hosted services, as `hyperswap.v1.TrainerService`. */
  readonly services: readonly string[];
  /**
   * Stops admitting calls, lets open ones finish, and cuts them off after the grace.
   *
   * @param graceMilliseconds how long open calls may take
   */
  drain(graceMilliseconds: number): Promise<void>;
}

/**
 * Serves services on one port, with `grpc.health.v1` and reflection. Headers of a call are limited to 64 KiB by HTTP/2 as Node speaks it.
 *
 * @throws PORT_IN_USE
 */
export async function startServer(
  services: readonly HostedService[],
  { host, port, connectionAgeMilliseconds = 30 * 60_000 }: ServerAddress,
  guard: ServerGuard = {},
): Promise<RunningServer> {
  const server = new Server({
    interceptors: guard.tokens === undefined ? [] : [authorization(guard.tokens, rolesByPath(services))],
    'grpc.max_receive_message_length': maximumMessageBytes,
    'grpc.max_send_message_length': maximumMessageBytes,
    // Clients that balance over pods notice new ones when connections end; calls that are open then last as long as they need.
    'grpc.max_connection_age_ms': connectionAgeMilliseconds,
    // Whoever vanished without a word, as a machine that lost its network, is found out.
    'grpc.keepalive_time_ms': 5 * 60_000,
    'grpc.keepalive_timeout_ms': 60_000,
  });
  const listed = [...services.map(({ name }) => name), 'grpc.health.v1.Health'];
  const reflection = reflectionServices(listed, Descriptors.read(descriptorSetFile));
  for (const { definition, implementation } of [...services, ...reflection]) {
    server.addService(withUndecodableRequests(definition), implementation);
  }
  const names = ['', ...services.map(({ name }) => name)];
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, 'SERVING'])));
  health.addToServer(server);

  const bound = await bind(server, host, port, serverCredentials(guard));
  return {
    host,
    port: bound,
    endpoint: `${host}:${bound}`,
    services: services.map(({ name }) => name),
    drain: async (graceMilliseconds) => {
      for (const name of names) health.setStatus(name, 'NOT_SERVING');
      await new Promise<void>((resolve) => {
        const force = setTimeout(() => {
          server.forceShutdown();
          resolve();
        }, graceMilliseconds);
        server.tryShutdown(() => {
          clearTimeout(force);
          resolve();
        });
      });
    },
  };
}

function rolesByPath(services: readonly HostedService[]): (path: string) => Role | undefined {
  const found = new Map(
    services.flatMap(({ definition, roles }) =>
      Object.entries(definition).map(([method, { path }]) => [path, roles[method]] as const),
    ),
  );
  return (path) => found.get(path);
}

function serverCredentials({ identity, clientAuthority }: ServerGuard): ServerCredentials {
  if (identity === undefined) return ServerCredentials.createInsecure();
  const pair = { private_key: Buffer.from(identity.key), cert_chain: Buffer.from(identity.certificate) };
  const authority = clientAuthority === undefined ? null : Buffer.from(clientAuthority);
  return ServerCredentials.createSsl(authority, [pair], authority !== null);
}

function bind(server: Server, host: string, port: number, credentials: ServerCredentials): Promise<number> {
  const address = `${host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else if (/EADDRINUSE|address already in use/.test(error.message))
        reject(failure('PORT_IN_USE', { address }, error));
      else
        reject(
          failure(
            'CONFIG_INVALID',
            { key: 'host', value: address, allowed: `an address of this machine (${error.message})` },
            error,
          ),
        );
    });
  });
}
