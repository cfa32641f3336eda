/** The gateway of a process: to its own services, and to those that the configuration names. */
import { endpointOf, type Config, type ServiceName, type TransportSecurity } from '@hyperswap/config';
import { failure } from '@hyperswap/errors';
import { startGateway, type Route, type RunningGateway } from '@hyperswap/gateway';
import { accessToSelf, clientAccess, type RunningServer, type ServerGuard } from '@hyperswap/rpc';
import type { Logger } from '@hyperswap/telemetry';

/** Ports between gRPC's and the gateway's, unless a setting says otherwise. */
const portsAbove = 20;

/** A process and its services, as the gateway needs them. */
export interface GatewayContext {
  readonly config: Config;
  readonly names: readonly ServiceName[];
  readonly server: RunningServer;
  readonly security: TransportSecurity;
  readonly guard: ServerGuard;
  readonly logger: Logger;
  /** Folder of the console's files. */
  readonly site: string;
}

/** Starts the gateway beside the services of this process, guarded as they are. @throws PORT_IN_USE */
export async function openGateway({
  config,
  names,
  server,
  security,
  guard,
  logger,
  site,
}: GatewayContext): Promise<RunningGateway> {
  const { host, port, gatewayPort, gatewayHosts, maximumConnections, maximumStreams } = config;
  const own = accessToSelf({ ...security, tokenFile: '' });
  const others = clientAccess({ ...security, tokenFile: '' });
  const routeOf = (service: ServiceName): Route => {
    if (names.includes(service)) {
      return { endpoint: `${guard.identity === undefined ? '' : 'https://'}${server.endpoint}`, access: own };
    }
    if (config.endpoint !== '') return { endpoint: endpointOf(config.endpoint, service), access: others };
    const reason = 'this process does not run it, and HYPERSWAP_ENDPOINT does not name it';
    throw failure('SERVICE_UNREACHABLE', { endpoint: service, reason });
  };
  return startGateway({
    host,
    port: gatewayPort > 0 ? gatewayPort : port === 0 ? 0 : port + portsAbove,
    hosts: [host, ...gatewayHosts.split(',').map((name) => name.trim())].filter((name) => name !== ''),
    isGuarded: guard.tokens !== undefined || guard.clientAuthority !== undefined,
    identity: guard.identity,
    clientAuthority: guard.clientAuthority,
    ...{ site, routeOf, maximumConnections, logger },
    maximumRequests: 4 * maximumStreams,
  });
}
