import { metrics } from '@opentelemetry/api';
import pino, { type Logger } from 'pino';

export type { Logger } from 'pino';

/** JSON lines on standard error; standard output belongs to the command's result. */
export function createLogger(level: string, service: string): Logger {
  return pino({ level, base: { service } }, pino.destination({ dest: 2, sync: true }));
}

/**
 * Exports traces and metrics over OTLP if `OTEL_EXPORTER_OTLP_ENDPOINT` is set, configured by OpenTelemetry's own
 * variables. If it is not set, no exporter is loaded.
 *
 * @returns a function that flushes and stops the exporter
 */
export async function startTelemetry(service: string): Promise<() => Promise<void>> {
  if (process.env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined) return () => Promise.resolve();
  process.env.OTEL_METRICS_EXPORTER ??= 'otlp';
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({ serviceName: service });
  sdk.start();
  return () => sdk.shutdown();
}

/** Instruments of serving. They cost nothing without an exporter. */
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
