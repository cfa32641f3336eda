export { createLogger, type Logger } from './logger.js';
export {
  boundedLabels,
  instruments,
  metricCatalogue,
  observe,
  prometheusName,
  type MetricDescription,
  type Reading,
} from './metrics.js';
export { observeProcess } from './process-metrics.js';
export type { Sample, Snapshot } from './snapshots.js';
export { startExport, startTelemetry, type Telemetry, type TelemetrySettings } from './start-telemetry.js';
export {
  activeTrace,
  injectTrace,
  inTrace,
  isRecorded,
  recordSpan,
  startSpan,
  traceOf,
  traceparent,
  withSpan,
  type SpanSettings,
  type Trace,
} from './tracing.js';
