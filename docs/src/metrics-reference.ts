/** Reference of all metrics, from the list that the instruments are made of. */
import { metricCatalogue, prometheusName } from '@hyperswap/telemetry';
import { table } from './table.js';

/** Returns the page of all metrics with their type, labels and meaning. */
export function metricsReference(): string {
  const rows = metricCatalogue().map((metric) => [
    `\`${prometheusName(metric)}\``,
    metric.type,
    metric.labels.map((label) => `\`${label}\``).join(', '),
    metric.description,
  ]);
  return [
    '# Metrics',
    'Generated from `shared/telemetry` by `make reference`. The names are those of `/metrics`; over OTLP they have dots, and counters no `_total`. A histogram has `_bucket`, `_sum` and `_count`. A counter appears with its first event. Names that end in `seconds` or `bytes` say their unit.',
    table(['metric', 'type', 'labels', 'meaning'], rows),
    '',
  ].join('\n\n');
}
