import type { Config, ServiceName } from '@hyperswap/config';
import { onStopSignal, type HyperswapError } from '@hyperswap/errors';
import type { Logger } from '@hyperswap/telemetry';
import { startGatewayHost } from './gateway-host.js';
import { startHost } from './host.js';

/** Grace of open calls when the executor has ended; most of them have failed already. */
const failureGraceMilliseconds = 1_000;
/** Grace of open calls when the program that the process is attached to has ended: its calls ended with it. */
const leftGraceMilliseconds = 1_000;
/** Milliseconds after the grace until the process ends without closing everything. */
const closeMilliseconds = 10_000;

/** Reasons to stop, beside signals, an idle time and the end of the executor. */
export interface ServeOptions {
  /** Stops when standard input ends, as it does when the process that started this one ends. */
  readonly attached?: boolean;
  /** Folder of the console's files; undefined for no gateway. */
  readonly site?: string | undefined;
  /** Receives the address of the console when it is served. */
  readonly onConsole?: ((address: string) => void) | undefined;
}

/**
 * Serves until SIGTERM, SIGINT or SIGHUP, until no job has run for `idleExitSeconds`, or until the program it is
 * attached to ends, then drains: refuses new work, ends watches, lets other open calls finish, closes everything. A
 * second signal of the same kind ends the process at once. A signal before the services are ready stops them when they
 * are. Without services it runs the gateway alone.
 *
 * @throws the errors of `startHost` and `startGatewayHost`; ENGINE_STOPPED when the executor ends, after everything is
 * closed
 */
export async function serve(
  config: Config,
  names: readonly ServiceName[],
  logger: Logger,
  { attached = false, site, onConsole }: ServeOptions = {},
): Promise<void> {
  const signal = new Promise<NodeJS.Signals>((resolve) => {
    onStopSignal(resolve);
  });
  const host =
    names.length === 0 && site !== undefined
      ? await startGatewayHost(config, logger, site)
      : await startHost(config, names, logger, { site });
  process.stdout.write(`Serving on ${host.server.endpoint}.\n`);
  if (host.console !== undefined) {
    process.stdout.write(`The console is at ${host.console}.\n`);
    onConsole?.(host.console);
  }
  const idle =
    config.idleExitSeconds === 0 ? [] : [host.idle(config.idleExitSeconds * 1000).then(() => 'idle' as const)];
  const detached = attached ? [endOfInput().then(() => 'end of standard input' as const)] : [];
  const end = await Promise.race([signal, host.failed, ...idle, ...detached]);
  if (typeof end === 'string') {
    logger.info({ reason: end }, 'stopping');
    await stopWithin(end === 'end of standard input' ? leftGraceMilliseconds : config.drainMilliseconds);
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
    // If something else keeps the process alive, the timer still ends it.
    timer.unref();
  }
}

function endOfInput(): Promise<void> {
  return new Promise((resolve) => {
    const { stdin } = process;
    for (const event of ['end', 'close', 'error']) stdin.once(event, () => resolve());
    stdin.resume();
  });
}
