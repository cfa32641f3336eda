import type { Config } from '@hyperswap/config';
import type { ServerAddress } from '@hyperswap/rpc';

/** Returns the address of this process's gRPC server, and the limits of its connections. */
export function addressOf(config: Config): ServerAddress {
  const { host, port, maximumConnections, maximumStreams, handshakeMilliseconds, idleMilliseconds } = config;
  const ageMilliseconds = config.connectionAgeMilliseconds;
  return { host, port, maximumConnections, maximumStreams, handshakeMilliseconds, idleMilliseconds, ageMilliseconds };
}
