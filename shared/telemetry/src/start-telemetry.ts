import { context, metrics, propagation, trace } from '@opentelemetry/api';
import type { MetricReader } from '@opentelemetry/sdk-metrics';
import { snapshotReader, type Snapshot } from './snapshots.js';

export interface TelemetrySettings {
  /** Address of Prometheus's page. */
  readonly host: string;
  /** Port of Prometheus's page; 0: there is none. */
  readonly port: number;
}

/** Exporters that run, and the metrics of this process. */
export interface Telemetry {
  /** Reads the metrics of this process. */
  readonly snapshot: Snapshot;
  /** Flushes and stops the exporters. */
  stop(): Promise<void>;
}

const exportMilliseconds = 60_000;

/**
 * Starts the telemetry of a process that serves. It keeps its metrics, and exports them and its traces over OTLP if
 * `OTEL_EXPORTER_OTLP_ENDPOINT` is set, configured by OpenTelemetry's own variables, and the metrics at `/metrics` if a
 * port is configured.
 *
 * @throws errors of listening on the port
 */
export async function startTelemetry(service: string, { host, port }: TelemetrySettings): Promise<Telemetry> {
  const { reader, snapshot } = await snapshotReader();
  const readers = [...(port === 0 ? [] : [await prometheusReader(host, port)]), reader];
  return { snapshot, stop: await (hasCollector() ? exportTo(service, readers) : keep(service, readers)) };
}

/**
 * Exports traces and metrics of a command over OTLP if `OTEL_EXPORTER_OTLP_ENDPOINT` is set. Otherwise nothing is
 * loaded.
 *
 * @returns a function that flushes and stops the exporters
 */
export async function startExport(service: string): Promise<() => Promise<void>> {
  return hasCollector() ? exportTo(service, []) : () => Promise.resolve();
}

function hasCollector(): boolean {
  return process.env.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined;
}

async function exportTo(service: string, readers: readonly MetricReader[]): Promise<() => Promise<void>> {
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({
    serviceName: process.env.OTEL_SERVICE_NAME ?? service,
    metricReaders: [await collectorReader(), ...readers],
    logRecordProcessors: [],
  });
  sdk.start();
  return async () => {
    try {
      await sdk.shutdown();
    } finally {
      // Another start in this process sets them again.
      for (const api of [trace, metrics, context, propagation]) api.disable();
    }
  };
}

/** Gives metrics to readers alone. */
async function keep(service: string, readers: readonly MetricReader[]): Promise<() => Promise<void>> {
  const [{ MeterProvider }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/sdk-metrics'),
    import('@opentelemetry/resources'),
  ]);
  const resource = resourceFromAttributes({ 'service.name': process.env.OTEL_SERVICE_NAME ?? service });
  const provider = new MeterProvider({ resource, readers: [...readers] });
  // False if another host of this process has started: its metrics are those of the process.
  const isFirst = metrics.setGlobalMeterProvider(provider);
  return async () => {
    if (isFirst) metrics.disable();
    await provider.shutdown();
  };
}

/** Sends metrics to the collector that OpenTelemetry's variables name. */
async function collectorReader(): Promise<MetricReader> {
  const { PeriodicExportingMetricReader } = await import('@opentelemetry/sdk-metrics');
  const { OTLPMetricExporter } = await exporterModule();
  const wanted = Number(process.env.OTEL_METRIC_EXPORT_INTERVAL);
  const exportIntervalMillis = wanted > 0 ? wanted : exportMilliseconds;
  const exportTimeoutMillis = Math.min(exportIntervalMillis, 30_000);
  return new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter(),
    exportIntervalMillis,
    exportTimeoutMillis,
  });
}

function exporterModule() {
  switch (process.env.OTEL_EXPORTER_OTLP_METRICS_PROTOCOL ?? process.env.OTEL_EXPORTER_OTLP_PROTOCOL) {
    case 'grpc':
      return import('@opentelemetry/exporter-metrics-otlp-grpc');
    case 'http/json':
      return import('@opentelemetry/exporter-metrics-otlp-http');
    default:
      return import('@opentelemetry/exporter-metrics-otlp-proto');
  }
}

async function prometheusReader(host: string, port: number): Promise<MetricReader> {
  const { PrometheusExporter } = await import('@opentelemetry/exporter-prometheus');
  const exporter = new PrometheusExporter({ host, port, preventServerStart: true, withoutScopeInfo: true });
  await exporter.startServer();
  return exporter;
}
