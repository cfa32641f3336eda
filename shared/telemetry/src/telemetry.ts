import { metrics } from '@opentelemetry/api';
import pino, { type Logger } from 'pino';

export type { Logger } from 'pino';

/** JSON lines on standard error; standard output belongs to the command's result. */
export function createLogger(level: string, service: string): Logger {
  return pino({ level, base: { service } }, pino.destination({ dest: 2, sync: true }));
}

/**
 * Exports traces and metrics by OTLP when `OTEL_EXPORTER_OTLP_ENDPOINT` is set, as OpenTelemetry's own variables say; without it
 * nothing is loaded.
 *
 * @returns the way to flush and stop
 */
export async function startTelemetry(service: string): Promise<() => Promise<void>> {
  if (process.env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined) return () => Promise.resolve();
  process.env.OTEL_METRICS_EXPORTER ??= 'otlp';
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({ serviceName: service });
  sdk.start();
  return () => sdk.shutdown();
}

/** What serving counts. Without an exporter they cost nothing. */
export function servingInstruments() {
  const meter = metrics.getMeter('hyperswap');
  return {
    patches: meter.createCounter('hyperswap.patches', { description: 'patches classified, by adapter' }),
    batches: meter.createCounter('hyperswap.batches', { description: 'batches run, by the reason they were cut' }),
    binds: meter.createHistogram('hyperswap.bind.duration', { unit: 'ms', description: 'to make an adapter ready' }),
    queued: meter.createHistogram('hyperswap.tile.queued', { unit: 'ms', description: 'a tile waited' }),
    bindFailures: meter.createCounter('hyperswap.bind.failures', {
      description: 'adapters that could not be made ready, by code',
    }),
  };
}
