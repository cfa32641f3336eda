/** A process that runs the gateway alone: it forwards all calls, and opens neither store nor bus nor engine. */
import { readTransportSecurity, type Config } from '@hyperswap/config';
import { failure } from '@hyperswap/errors';
import { startServer } from '@hyperswap/rpc';
import type { Logger } from '@hyperswap/telemetry';
import { addressOf } from './address-of.js';
import { serverGuard } from './guard.js';
import type { Host } from './host.js';
import { observeHost } from './observe-host.js';
import { openGateway } from './open-gateway.js';
import { withTelemetry } from './with-telemetry.js';

const never = new Promise<never>(() => undefined);

/**
 * Starts a gateway without services. Its gRPC port answers health probes alone.
 *
 * @param site folder of the console's files
 * @throws CONFIG_INVALID when the configuration names no services to forward to; PORT_IN_USE, CONFIG_INSECURE
 */
export async function startGatewayHost(config: Config, logger: Logger, site: string): Promise<Host> {
  if (config.endpoint === '') {
    const allowed = 'the address of the services that the gateway forwards to';
    throw failure('CONFIG_INVALID', { key: 'endpoint', value: '""', allowed });
  }
  const security = readTransportSecurity(config);
  const guard = await serverGuard(config, security);
  return withTelemetry(config, async (): Promise<Host> => {
    const server = await startServer([], addressOf(config), guard);
    const gateway = await openGateway({ config, names: [], server, security, guard, logger, site }).catch(
      async (error: unknown) => {
        await server.drain(0);
        throw error;
      },
    );
    const stopObserving = observeHost(undefined);
    logger.info({ endpoint: server.endpoint, gateway: gateway.address, services: config.endpoint }, 'serving');
    return {
      server,
      console: gateway.address,
      store: 'none',
      bus: 'none',
      failed: never,
      // It has no jobs, and waits for requests as long as it runs.
      idle: () => never,
      stop: async (graceMilliseconds) => {
        logger.info('draining');
        await Promise.all([server.drain(graceMilliseconds), gateway.stop(graceMilliseconds)]);
        stopObserving();
        logger.info('stopped');
      },
    };
  });
}
