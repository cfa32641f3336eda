import type { Config, ServiceName } from '@hyperswap/config';
import type { Logger } from '@hyperswap/telemetry';
import { startHost } from './host.js';

/**
 * Serves until SIGTERM or SIGINT, then drains: takes no new work, lets open calls finish, closes everything.
 *
 * @throws what `startHost` throws
 */
export async function serve(config: Config, names: readonly ServiceName[], logger: Logger): Promise<void> {
  const host = await startHost(config, names, logger);
  process.stdout.write(`Serving on ${host.server.endpoint}.\n`);
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    process.once('SIGTERM', resolve).once('SIGINT', resolve);
  });
  logger.info({ signal }, 'stopping');
  await host.stop(config.drainMilliseconds);
}
