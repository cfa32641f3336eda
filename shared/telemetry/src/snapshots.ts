/** Metrics of this process, read in the process itself. */
import type { Attributes } from '@opentelemetry/api';
import type { CollectionResult, Histogram, MetricReader } from '@opentelemetry/sdk-metrics';

/** Value of a metric with its labels. Counters and histograms run from the start of the process. */
export interface Sample {
  /** Name in OpenTelemetry, for example `hyperswap.patches`. */
  readonly name: string;
  readonly labels: Attributes;
  /** Value; of a histogram the sum. */
  readonly value: number;
  /** Upper bounds and counts of a histogram; the last count has no bound. */
  readonly buckets?: { readonly bounds: readonly number[]; readonly counts: readonly number[] };
}

/** Reads all metrics of hyperswap now. */
export type Snapshot = () => Promise<readonly Sample[]>;

/** Returns a reader for the metrics of this process, and the function that reads. */
export async function snapshotReader(): Promise<{ readonly reader: MetricReader; readonly snapshot: Snapshot }> {
  const { MetricReader } = await import('@opentelemetry/sdk-metrics');
  class Reader extends MetricReader {
    protected override onForceFlush(): Promise<void> {
      return Promise.resolve();
    }

    protected override onShutdown(): Promise<void> {
      return Promise.resolve();
    }
  }
  const reader = new Reader();
  return { reader, snapshot: async () => samplesOf(await reader.collect()) };
}

function samplesOf({ resourceMetrics }: CollectionResult): Sample[] {
  const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  return metrics.flatMap(({ descriptor: { name }, dataPoints }) =>
    dataPoints.map(({ attributes: labels, value }): Sample => {
      if (typeof value === 'number') return { name, labels, value };
      const { sum = 0, buckets } = value as Histogram;
      return { name, labels, value: sum, buckets: { bounds: buckets.boundaries, counts: buckets.counts } };
    }),
  );
}
