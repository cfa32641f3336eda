import { context, metrics, propagation, trace } from '@opentelemetry/api';
import type { MetricReader } from '@opentelemetry/sdk-metrics';

export interface TelemetrySettings {
  /** Address of Prometheus's page. */
  readonly host: string;
  /** Port of Prometheus's page; 0: there is none. */
  readonly port: number;
}

const exportMilliseconds = 60_000;

/**
 * Exports traces and metrics over OTLP if `OTEL_EXPORTER_OTLP_ENDPOINT` is set, configured by OpenTelemetry's own variables, and metrics
 * at `/metrics` if a port is configured. With neither, nothing is loaded.
 *
 * @returns a function that flushes and stops the exporters
 * @throws what listening on the port fails with
 */
export async function startTelemetry(
  service: string,
  { host, port }: TelemetrySettings = { host: '', port: 0 },
): Promise<() => Promise<void>> {
  const hasCollector = process.env.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined;
  if (!hasCollector && port === 0) return () => Promise.resolve();
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const readers = [
    ...(hasCollector ? [await collectorReader()] : []),
    ...(port === 0 ? [] : [await prometheusReader(host, port)]),
  ];
  const sdk = new NodeSDK({
    serviceName: process.env.OTEL_SERVICE_NAME ?? service,
    metricReaders: readers,
    logRecordProcessors: [],
    ...(hasCollector ? {} : { spanProcessors: [] }),
  });
  sdk.start();
  return async () => {
    try {
      await sdk.shutdown();
    } finally {
      // Another start in this process sets them anew.
      for (const api of [trace, metrics, context, propagation]) api.disable();
    }
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
