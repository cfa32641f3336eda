import { fileURLToPath } from 'node:url';
import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { failure } from '@hyperswap/errors';
import { HealthImplementation } from 'grpc-health-check';

/** Tiles and batches of patches are messages; larger ones are a mistake. */
export const maximumMessageBytes = 64 * 1024 * 1024;

const protoDirectory = fileURLToPath(new URL('../../../proto', import.meta.url));
const protoFiles = ['preprocessing', 'trainer', 'tile_inference'].map((name) => `hyperswap/v1/${name}.proto`);

export interface HostedService {
  /** Full name, as `hyperswap.v1.TrainerService`. */
  readonly name: string;
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** A running gRPC server: serving, then draining, then closed. */
export interface RunningServer {
  readonly host: string;
  /** The port it got, when asked for 0. */
  readonly port: number;
  readonly endpoint: string;
  /**
   * Stops admitting calls, lets open ones finish, and cuts them off after the grace.
   *
   * @param graceMilliseconds how long open calls may take
   */
  drain(graceMilliseconds: number): Promise<void>;
}

/**
 * Serves services on one port, with `grpc.health.v1` and reflection.
 *
 * @throws PORT_IN_USE
 */
export async function startServer(
  services: readonly HostedService[],
  { host, port }: { readonly host: string; readonly port: number },
): Promise<RunningServer> {
  const server = new Server({
    'grpc.max_receive_message_length': maximumMessageBytes,
    'grpc.max_send_message_length': maximumMessageBytes,
    // Clients that balance over pods notice new ones when connections end; a tile stream gets an hour to finish.
    'grpc.max_connection_age_ms': 30 * 60_000,
    'grpc.max_connection_age_grace_ms': 60 * 60_000,
  });
  for (const { definition, implementation } of services) server.addService(definition, implementation);
  const names = ['', ...services.map(({ name }) => name)];
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, 'SERVING'])));
  health.addToServer(server);
  const contract = loadSync(protoFiles, { includeDirs: [protoDirectory], keepCase: true });
  new ReflectionService(contract, { services: services.map(({ name }) => name) }).addToServer(server);

  const bound = await bind(server, host, port);
  return {
    host,
    port: bound,
    endpoint: `${host}:${bound}`,
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

function bind(server: Server, host: string, port: number): Promise<number> {
  const address = `${host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
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
