import type { Config, ServiceName } from '@hyperswap/config';
import type { HyperswapError } from '@hyperswap/errors';
import type { Logger } from '@hyperswap/telemetry';
import { startHost } from './host.js';

/** Milliseconds that open calls get when the process cannot go on; most of them have failed already. */
const failureGraceMilliseconds = 1_000;
/** Milliseconds for closing, after the grace, before the process ends without it. */
const closeMilliseconds = 10_000;

/**
 * Serves until SIGTERM or SIGINT, then drains: refuses new work, ends watches, lets other open calls finish, closes everything. A second signal ends the
 * process at once.
 *
 * @throws what `startHost` throws; ENGINE_STOPPED when the executor ends, once the rest is closed
 */
export async function serve(config: Config, names: readonly ServiceName[], logger: Logger): Promise<void> {
  const host = await startHost(config, names, logger);
  process.stdout.write(`Serving on ${host.server.endpoint}.\n`);
  const signal = new Promise<NodeJS.Signals>((resolve) => {
    process.once('SIGTERM', resolve).once('SIGINT', resolve);
  });
  const end = await Promise.race([signal, host.failed]);
  if (typeof end === 'string') {
    logger.info({ signal: end }, 'stopping');
    await stopWithin(config.drainMilliseconds);
  } else {
    logger.fatal({ err: end }, 'the process cannot serve any more');
    await stopWithin(failureGraceMilliseconds);
    throw end satisfies HyperswapError;
  }

  async function stopWithin(graceMilliseconds: number): Promise<void> {
    const timer = setTimeout(() => {
      logger.fatal('closing takes too long');
      process.exit(1);
    }, graceMilliseconds + closeMilliseconds);
    await host.stop(graceMilliseconds);
    // Where something keeps the process alive nevertheless, the timer still ends it.
    timer.unref();
  }
}
