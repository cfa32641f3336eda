/**
 * Program of the services that one command starts for itself. The parent process sends the services to start. The
 * program ends when the channel to the parent closes, which also happens when the parent dies. Ctrl-C and the hangup of
 * a terminal reach both processes, and the parent decides.
 */
import { serializeError, stopSignals, type SerializedError } from '@hyperswap/errors';
import type { Config, ServiceName } from '@hyperswap/config';
import { createLogger } from '@hyperswap/telemetry';
import { startPrivateHost } from './host.js';

/** First and only message of the parent. */
export interface PrivateHostOrder {
  readonly config: Config;
  readonly services: readonly ServiceName[];
}

/** Only message of the program: where it serves, or the error that its start ended with. */
export type PrivateHostAnswer =
  { readonly endpoint: string; readonly store: string; readonly bus: string } | SerializedError;

/** Milliseconds that open calls may take once the parent has left. */
const graceMilliseconds = 1000;

for (const signal of stopSignals) process.on(signal, () => undefined);
process.once('message', (order: PrivateHostOrder) => {
  void run(order).catch((error: unknown) => {
    process.exitCode = 1;
    if (!process.connected) return;
    process.send?.(serializeError(error));
    process.disconnect();
  });
});

async function run({ config, services }: PrivateHostOrder): Promise<void> {
  const logger = createLogger(config.logLevel, 'hyperswap');
  const left = new Promise<undefined>((resolve) => process.once('disconnect', () => resolve(undefined)));
  const host = await startPrivateHost(config, services, logger);
  process.send?.({ endpoint: host.server.endpoint, store: host.store, bus: host.bus } satisfies PrivateHostAnswer);
  const failed = await Promise.race([left, host.failed]);
  await host.stop(graceMilliseconds);
  if (failed !== undefined) throw failed;
}
