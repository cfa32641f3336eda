import type { Config } from '@hyperswap/config';
import { failure } from '@hyperswap/errors';
import { startTelemetry, type Snapshot } from '@hyperswap/telemetry';

/** Service that runs until it is stopped. */
interface Running {
  stop(graceMilliseconds: number): Promise<void>;
}

/**
 * Starts a host with its telemetry, which ends when it has stopped.
 *
 * @param start gets the way to read the metrics of this process
 * @throws PORT_IN_USE, CONFIG_INVALID for the address of the metrics; errors of the host's start
 */
export async function withTelemetry<Host extends Running>(
  { metricsHost: host, metricsPort: port }: Pick<Config, 'metricsHost' | 'metricsPort'>,
  start: (snapshot: Snapshot) => Promise<Host>,
): Promise<Host> {
  const telemetry = await startTelemetry('hyperswap', { host, port }).catch((error: unknown) => {
    throw listenError(error as NodeJS.ErrnoException, host, port);
  });
  try {
    const running = await start(telemetry.snapshot);
    return {
      ...running,
      stop: async (graceMilliseconds) => {
        await running.stop(graceMilliseconds);
        await telemetry.stop();
      },
    };
  } catch (error) {
    await telemetry.stop();
    throw error;
  }
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code === 'EADDRINUSE') return failure('PORT_IN_USE', { address: `${host}:${port}` }, error);
  if (error.code !== undefined) {
    const allowed = 'an address of this machine';
    return failure('CONFIG_INVALID', { key: 'metricsHost', value: host, allowed }, error);
  }
  return error;
}
