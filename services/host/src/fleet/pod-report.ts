import { toKindMessage } from '@hyperswap/jobs';
import {
  FlowClass,
  PodReport,
  type AdapterLoad,
  type CodeCount,
  type FlowLoad,
  type PodState,
  type ServingLoad,
} from '@hyperswap/proto';
import { toDuration } from '@hyperswap/rpc';
import type { Sample } from '@hyperswap/telemetry';
import type { TileInferenceServices } from '@hyperswap/tile-inference';
import { release } from '../release.js';

/** Properties of a process that stay the same while it runs. */
export interface PodIdentity {
  /** Name of the process, which no other has. */
  readonly pod: string;
  /** Full names of its services. */
  readonly services: readonly string[];
  /** Backbone that it serves; undefined in a process without tile-inference. */
  readonly serving: TileInferenceServices['serving'] | undefined;
}

const startedAt = new Date(performance.timeOrigin);
const flowClasses = { interactive: FlowClass.FLOW_CLASS_INTERACTIVE, job: FlowClass.FLOW_CLASS_JOB } as const;

/** Builds the report of this process from its metrics, the same that Prometheus reads. */
export function podReport(
  { pod, services, serving }: PodIdentity,
  state: PodState,
  samples: readonly Sample[],
): PodReport {
  const metrics = new Metrics(samples);
  const loop = (quantile: string): number => metrics.sum('hyperswap.event_loop.delay.seconds', { quantile });
  return {
    pod,
    services: [...services],
    state,
    release,
    startedAt,
    reportedAt: new Date(),
    uptime: toDuration(performance.now()),
    process: {
      residentBytes: metrics.sum('hyperswap.memory.bytes', { kind: 'rss' }),
      heapBytes: metrics.sum('hyperswap.memory.bytes', { kind: 'heap' }),
      liveTensors: metrics.of('hyperswap.engine.tensors')[0]?.value,
      eventLoopMedian: toDuration(1000 * loop('0.5')),
      eventLoopP99: toDuration(1000 * loop('0.99')),
    },
    calls: metrics.counts('hyperswap.rpc.calls', 'code'),
    jobFailures: metrics.counts('hyperswap.job.failures', 'code'),
    busy: metrics
      .counts('hyperswap.jobs.workers', 'kind')
      .filter(({ count }) => count > 0)
      .map(({ code, count }) => ({ kind: toKindMessage(code), items: count })),
    serving: serving && servingLoad(serving, metrics),
  };
}

function servingLoad(
  { backbone, precision, device, batchPatches }: NonNullable<PodIdentity['serving']>,
  metrics: Metrics,
): ServingLoad {
  return {
    ...{ backbone, precision, device, batchPatches },
    bound: metrics.sum('hyperswap.bindings', { state: 'bound' }),
    loading: metrics.sum('hyperswap.bindings', { state: 'loading' }),
    bindingBytes: metrics.sum('hyperswap.bindings.bytes'),
    bindingHits: metrics.sum('hyperswap.binding.lookups', { result: 'hit' }),
    bindingMisses: metrics.sum('hyperswap.binding.lookups', { result: 'miss' }),
    flows: (['interactive', 'job'] as const).map((flow) => flowLoad(flow, metrics)),
    batchCuts: metrics.counts('hyperswap.batches', 'cut'),
    patches: metrics.sum('hyperswap.batch.patches'),
    adapters: adapterLoads(metrics),
    queueBytes: metrics.sum('hyperswap.queue.bytes'),
  };
}

function flowLoad(flow: keyof typeof flowClasses, metrics: Metrics): FlowLoad {
  const { bounds, counts } = metrics.of('hyperswap.tile.queue.seconds', { flow })[0]?.buckets ?? {
    bounds: [],
    counts: [0],
  };
  return {
    class: flowClasses[flow],
    waitingPatches: metrics.sum('hyperswap.queue.patches', { flow }),
    patches: metrics.sum('hyperswap.patches', { flow }),
    refused: metrics.sum('hyperswap.queue.refused', { flow }),
    waits: { bounds: [...bounds], counts: [...counts] },
  };
}

function adapterLoads(metrics: Metrics): AdapterLoad[] {
  const name = 'hyperswap.adapter.tiles';
  return metrics.counts(name, 'adapter').map(({ code: adapter }) => ({
    adapter,
    pixels: metrics.sum('hyperswap.adapter.patches', { adapter }),
    tiles: metrics.counts(name, 'outcome', { adapter }),
  }));
}

/** Samples by name. */
class Metrics {
  private readonly byName: ReadonlyMap<string, readonly Sample[]>;

  constructor(samples: readonly Sample[]) {
    const byName = new Map<string, Sample[]>();
    for (const sample of samples) byName.set(sample.name, [...(byName.get(sample.name) ?? []), sample]);
    this.byName = byName;
  }

  /** Returns the samples of a metric that have some labels. */
  of(name: string, labels: Readonly<Record<string, string>> = {}): Sample[] {
    const wanted = Object.entries(labels);
    return (this.byName.get(name) ?? []).filter((sample) =>
      wanted.every(([key, value]) => sample.labels[key] === value),
    );
  }

  /** Returns the sum of those samples; 0 for none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.of(name, labels).reduce((sum, { value }) => sum + value, 0);
  }

  /** Returns sums by the values of one label. */
  counts(name: string, label: string, labels: Readonly<Record<string, string>> = {}): CodeCount[] {
    const sums = new Map<string, number>();
    for (const sample of this.of(name, labels)) {
      const code = String(sample.labels[label]);
      sums.set(code, (sums.get(code) ?? 0) + sample.value);
    }
    return [...sums].map(([code, count]) => ({ code, count }));
  }
}
