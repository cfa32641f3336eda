/** All metrics of hyperswap: one list makes the instruments, the reference page, and the tests of dashboards. */
import {
  metrics,
  type Attributes,
  type Counter,
  type Histogram,
  type MeterProvider,
  type ObservableResult,
} from '@opentelemetry/api';

const meterName = 'hyperswap';
const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const patchCounts = [1, 2, 4, 8, 16, 32, 64, 128, 256];

export interface MetricDescription {
  /** Name in OpenTelemetry. Prometheus has underscores for dots, and `_total` behind counters. */
  readonly name: string;
  readonly type: 'counter' | 'histogram' | 'gauge';
  readonly labels: readonly string[];
  readonly description: string;
}

const counters = {
  patches: ['hyperswap.patches', ['flow'], 'Pixels classified, by class of flow (interactive, job).'],
  adapterPatches: ['hyperswap.adapter.patches', ['adapter'], 'Pixels classified, by version of an adapter.'],
  adapterTiles: [
    'hyperswap.adapter.tiles',
    ['adapter', 'outcome'],
    'Tiles by version of an adapter (`unknown` if none was found) and outcome: OK, or the code of their error.',
  ],
  batches: ['hyperswap.batches', ['cut'], 'Batches run, by the reason why they ended (full, pixels, drained).'],
  refused: ['hyperswap.queue.refused', ['flow'], 'Tiles, chunks and requests refused because the queue was full.'],
  lookups: ['hyperswap.binding.lookups', ['result'], 'Uses of an adapter that found it bound (hit), or not (miss).'],
  freed: ['hyperswap.binding.freed', [], 'Bindings evicted to make room for others.'],
  bindFailures: ['hyperswap.bind.failures', ['code'], 'Adapters that could not be bound, by code of the error.'],
  calls: [
    'hyperswap.rpc.calls',
    ['method', 'code'],
    'gRPC calls that ended, by method (`unknown` for methods that do not exist) and code: OK, that of the error, or the gRPC status if gRPC itself ended the call.',
  ],
  jobAttempts: [
    'hyperswap.job.failures',
    ['kind', 'code'],
    'Failed attempts at jobs and their parts, by code of the error.',
  ],
  jobsEnded: ['hyperswap.jobs.ended', ['kind', 'state'], 'Jobs that this process ended.'],
} as const;

const histograms = {
  queued: [
    'hyperswap.tile.queue.seconds',
    ['flow'],
    'Time from the arrival of a tile to its first batch, by class of flow.',
    seconds,
  ],
  batchPatches: ['hyperswap.batch.patches', [], 'Pixels of a batch.', patchCounts],
  batchSeconds: [
    'hyperswap.batch.seconds',
    [],
    'Duration of a batch, including its wait for the batch before.',
    seconds,
  ],
  binds: ['hyperswap.bind.seconds', [], 'Time to bind an adapter: read, check and build it.', seconds],
  callSeconds: ['hyperswap.rpc.seconds', ['method'], 'Duration of a gRPC call, from its arrival to its end.', seconds],
} as const;

const gauges = {
  waitingPatches: ['hyperswap.queue.patches', ['flow'], 'Pixels that wait or run, by class of flow.'],
  waitingBytes: [
    'hyperswap.queue.bytes',
    [],
    'Memory of tiles that wait or run, and of results that no client has taken.',
  ],
  bindings: ['hyperswap.bindings', ['state'], 'Adapters that are bound, or loading.'],
  bindingBytes: ['hyperswap.bindings.bytes', [], 'Memory of bound adapters.'],
  tensors: ['hyperswap.engine.tensors', [], 'Live tensors in the engine.'],
  memory: ['hyperswap.memory.bytes', ['kind'], 'Memory of the process (rss, heap, array_buffers).'],
  eventLoop: [
    'hyperswap.event_loop.delay.seconds',
    ['quantile'],
    'Delay of the thread that answers gRPC, in the last 10 to 20 s (0.5, 0.99, 1).',
  ],
  jobs: [
    'hyperswap.jobs',
    ['kind', 'state'],
    'Jobs of the fleet within their retention, by state; of kinds that this process runs.',
  ],
  workers: ['hyperswap.jobs.workers', ['kind', 'state'], 'Work items in progress in this process (busy).'],
} as const;

/** Returns all metrics. */
export function metricCatalogue(): readonly MetricDescription[] {
  const of = (
    type: MetricDescription['type'],
    list: Readonly<Record<string, readonly unknown[]>>,
  ): MetricDescription[] =>
    Object.values(list).map(([name, labels, description]) => ({
      type,
      ...({ name, labels, description } as Omit<MetricDescription, 'type'>),
    }));
  return [...of('counter', counters), ...of('histogram', histograms), ...of('gauge', gauges)];
}

/** Returns a metric's name at Prometheus's page. */
export function prometheusName({ name, type }: Pick<MetricDescription, 'name' | 'type'>): string {
  return name.replaceAll('.', '_') + (type === 'counter' ? '_total' : '');
}

type Instruments = Readonly<Record<keyof typeof counters, Counter> & Record<keyof typeof histograms, Histogram>>;
let known: { readonly provider: MeterProvider; readonly instruments: Instruments } | undefined;

/**
 * Returns the counters and histograms. Look them up at each use: they belong to the exporter that runs now, and cost
 * nothing without one.
 */
export function instruments(): Instruments {
  const provider = metrics.getMeterProvider();
  if (known?.provider !== provider) known = { provider, instruments: create(provider) };
  return known.instruments;
}

function create(provider: MeterProvider): Instruments {
  const meter = provider.getMeter(meterName);
  return {
    ...mapValues(counters, ([name, , description]) => meter.createCounter(name, { description })),
    ...mapValues(histograms, ([name, , description, boundaries]) =>
      meter.createHistogram(name, { description, advice: { explicitBucketBoundaries: [...boundaries] } }),
    ),
  };
}

function mapValues<Key extends string, From, To>(
  from: Readonly<Record<Key, From>>,
  map: (value: From) => To,
): Record<Key, To> {
  return Object.fromEntries(Object.entries<From>(from).map(([key, value]) => [key, map(value)])) as Record<Key, To>;
}

/** One value of a gauge, with its labels. */
export type Reading = readonly [value: number, labels?: Attributes];

/** Reads a gauge whenever metrics are collected. @returns the function that stops it */
export function observe(
  gauge: keyof typeof gauges,
  read: () => readonly Reading[] | Promise<readonly Reading[]>,
): () => void {
  const [name, , description] = gauges[gauge];
  const instrument = metrics.getMeter(meterName).createObservableGauge(name, { description });
  const observer = async (result: ObservableResult): Promise<void> => {
    for (const [value, labels] of await read()) result.observe(value, labels);
  };
  instrument.addCallback(observer);
  return () => {
    instrument.removeCallback(observer);
  };
}

/**
 * Returns a function that keeps the first values of a label, and makes all further ones `other`: labels of metrics must
 * be few.
 */
export function boundedLabels(limit: number): (value: string) => string {
  const values = new Set<string>();
  return (value) => {
    if (values.size < limit) values.add(value);
    return values.has(value) ? value : 'other';
  };
}
