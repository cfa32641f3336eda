/** Load of a fleet: differences between reports of its processes, and their sums. */
import {
  FlowClass,
  PodState,
  type CodeCount,
  type FleetJobs,
  type PodReport,
  type ServingLoad,
  type Waits,
} from '@hyperswap/proto';
import { toMilliseconds } from '@hyperswap/rpc';
import { jobKindName, jobStateName, precisionName } from '../names.js';

/** Queue of one class of flow. */
export interface FlowState {
  /** Patches that wait or run. */
  readonly waitingPatches: number;
  readonly patchesPerSecond: number;
  readonly refusedPerSecond: number;
  /** Refused since the start. */
  readonly refused: number;
  /** Seconds from arrival to first batch of what was answered; null where nothing was. */
  readonly waitP50: number | null;
  readonly waitP99: number | null;
}

export interface BatchState {
  readonly perSecond: number;
  /** Patches of a batch, by those of a full one; null where there were none. */
  readonly fill: number | null;
  /** Share of batches by the reason of their end. */
  readonly cuts: Readonly<Record<string, number>>;
}

/** Errors with one code since the start, of calls, tiles in streams, or attempts at jobs. */
export interface ErrorState {
  readonly of: 'call' | 'tile' | 'job';
  readonly code: string;
  readonly count: number;
  readonly perSecond: number;
}

export interface AdapterState {
  readonly adapter: string;
  readonly tilesPerSecond: number;
  readonly pixelsPerSecond: number;
  /** Since the start. */
  readonly tiles: number;
  readonly pixels: number;
  readonly failed: number;
}

/** Work of some processes together, or of one. */
export interface WorkState {
  /** Patches that batches took. */
  readonly patchesPerSecond: number;
  /** Pixels of tiles that were finished. */
  readonly pixelsPerSecond: number;
  readonly tilesPerSecond: number;
  readonly errorsPerSecond: number;
  readonly flows: { readonly interactive: FlowState; readonly jobs: FlowState };
  readonly batches: BatchState;
}

export interface PodLoad extends WorkState {
  readonly pod: string;
  readonly state: 'serving' | 'not serving' | 'draining' | 'silent';
  /** Seconds since its last report. */
  readonly silentSeconds: number;
  readonly release: string;
  readonly uptimeSeconds: number;
  /** Backbone that it serves; null in a process without tile-inference. */
  readonly model: { readonly backbone: string; readonly precision: string; readonly device: string } | null;
  readonly bindings: { readonly bound: number; readonly loading: number; readonly bytes: number };
  /** Share of uses that found their adapter ready; null where there were none. */
  readonly bindingHits: number | null;
  readonly queueBytes: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  /** Null without an engine, or when it did not answer in time. */
  readonly liveTensors: number | null;
  /** Seconds. */
  readonly eventLoopP50: number;
  readonly eventLoopP99: number;
  /** Work items of jobs in progress. */
  readonly busyItems: number;
}

export interface JobLoad {
  readonly kind: string;
  /** Jobs that are kept, by state. */
  readonly states: Readonly<Record<string, number>>;
}

export interface FleetLoad extends WorkState {
  readonly pods: readonly PodLoad[];
  readonly adapters: readonly AdapterState[];
  readonly errors: readonly ErrorState[];
  readonly jobs: readonly JobLoad[];
}

/** Two reports of one process; its load is the difference. */
export interface ReportPair {
  readonly from: PodReport;
  readonly to: PodReport;
  /** Seconds since the second report came. */
  readonly age: number;
}

/** Seconds without a report after which a process counts as silent, or three intervals if these are longer. */
const silentSeconds = 3;

const stateNames: Readonly<Partial<Record<PodState, PodLoad['state']>>> = {
  [PodState.POD_STATE_SERVING]: 'serving',
  [PodState.POD_STATE_DRAINING]: 'draining',
};

/** Returns the load of a fleet. @param interval seconds between two reports of a process */
export function fleetLoad(pairs: readonly ReportPair[], jobs: FleetJobs | undefined, interval: number): FleetLoad {
  return {
    ...workOf(pairs),
    pods: pairs.map((pair) => podLoad(pair, interval)),
    adapters: adaptersOf(pairs),
    errors: errorsOf(pairs),
    jobs: jobsOf(jobs),
  };
}

function podLoad(pair: ReportPair, interval: number): PodLoad {
  const { to, age } = pair;
  const { serving, process: { residentBytes = 0, heapBytes = 0, liveTensors, eventLoopMedian, eventLoopP99 } = {} } =
    to;
  const { bindingHits: hits = 0, bindingMisses: misses = 0 } = serving ?? {};
  const isSilent = age > Math.max(silentSeconds, 3 * interval);
  return {
    ...workOf([pair]),
    pod: to.pod,
    state: isSilent ? 'silent' : (stateNames[to.state] ?? 'not serving'),
    silentSeconds: age,
    release: to.release,
    uptimeSeconds: toMilliseconds(to.uptime) / 1000,
    model: modelOf(serving),
    bindings: { bound: serving?.bound ?? 0, loading: serving?.loading ?? 0, bytes: serving?.bindingBytes ?? 0 },
    bindingHits: hits + misses === 0 ? null : hits / (hits + misses),
    queueBytes: serving?.queueBytes ?? 0,
    residentBytes,
    heapBytes,
    liveTensors: liveTensors ?? null,
    eventLoopP50: toMilliseconds(eventLoopMedian) / 1000,
    eventLoopP99: toMilliseconds(eventLoopP99) / 1000,
    busyItems: sum(to.busy, ({ items }) => items),
  };
}

function modelOf(serving: ServingLoad | undefined): PodLoad['model'] {
  if (serving === undefined) return null;
  const { backbone, precision, device } = serving;
  return { backbone, precision: precisionName(precision), device };
}

function workOf(pairs: readonly ReportPair[]): WorkState {
  const rate = (valueOf: (report: PodReport) => number): number => sum(pairs, (pair) => perSecond(pair, valueOf));
  return {
    patchesPerSecond: rate(({ serving }) => serving?.patches ?? 0),
    pixelsPerSecond: rate(({ serving }) => sum(serving?.adapters ?? [], ({ pixels }) => pixels)),
    tilesPerSecond: rate(({ serving }) => sum(serving?.adapters ?? [], ({ tiles }) => countOf(tiles, () => true))),
    errorsPerSecond: sum(errorsOf(pairs), (error) => error.perSecond),
    flows: {
      interactive: flowState(pairs, FlowClass.FLOW_CLASS_INTERACTIVE),
      jobs: flowState(pairs, FlowClass.FLOW_CLASS_JOB),
    },
    batches: batchState(pairs),
  };
}

function flowState(pairs: readonly ReportPair[], wanted: FlowClass): FlowState {
  const flowOf = ({ serving }: PodReport) => serving?.flows.find((flow) => flow.class === wanted);
  const waits = addWaits(pairs.map(({ from, to }) => difference(flowOf(from)?.waits, flowOf(to)?.waits)));
  return {
    waitingPatches: sum(pairs, ({ to }) => flowOf(to)?.waitingPatches ?? 0),
    patchesPerSecond: sum(pairs, (pair) => perSecond(pair, (report) => flowOf(report)?.patches ?? 0)),
    refusedPerSecond: sum(pairs, (pair) => perSecond(pair, (report) => flowOf(report)?.refused ?? 0)),
    refused: sum(pairs, ({ to }) => flowOf(to)?.refused ?? 0),
    waitP50: quantile(waits, 0.5),
    waitP99: quantile(waits, 0.99),
  };
}

function batchState(pairs: readonly ReportPair[]): BatchState {
  const cuts = new Map<string, number>();
  let [patches, room] = [0, 0];
  for (const { from, to } of pairs) {
    let batches = 0;
    for (const { code, count } of to.serving?.batchCuts ?? []) {
      const more = Math.max(0, count - countOf(from.serving?.batchCuts ?? [], (known) => known === code));
      cuts.set(code, (cuts.get(code) ?? 0) + more);
      batches += more;
    }
    patches += Math.max(0, (to.serving?.patches ?? 0) - (from.serving?.patches ?? 0));
    room += batches * (to.serving?.batchPatches ?? 0);
  }
  const all = sum([...cuts.values()], (count) => count);
  return {
    perSecond: sum(pairs, (pair) => perSecond(pair, ({ serving }) => countOf(serving?.batchCuts ?? [], () => true))),
    fill: room === 0 ? null : Math.min(1, patches / room),
    cuts: Object.fromEntries([...cuts].filter(([, count]) => count > 0).map(([cut, count]) => [cut, count / all])),
  };
}

function adaptersOf(pairs: readonly ReportPair[]): AdapterState[] {
  const names = new Set(pairs.flatMap(({ to }) => (to.serving?.adapters ?? []).map(({ adapter }) => adapter)));
  return [...names].map((name) => {
    const loadOf = ({ serving }: PodReport) => serving?.adapters.find(({ adapter }) => adapter === name);
    const tilesOf = (report: PodReport): number => countOf(loadOf(report)?.tiles ?? [], () => true);
    const pixelsOf = (report: PodReport): number => loadOf(report)?.pixels ?? 0;
    return {
      adapter: name,
      tilesPerSecond: sum(pairs, (pair) => perSecond(pair, tilesOf)),
      pixelsPerSecond: sum(pairs, (pair) => perSecond(pair, pixelsOf)),
      tiles: sum(pairs, ({ to }) => tilesOf(to)),
      pixels: sum(pairs, ({ to }) => pixelsOf(to)),
      failed: sum(pairs, ({ to }) => countOf(loadOf(to)?.tiles ?? [], isError)),
    };
  });
}

/** Codes of errors by what failed. */
const errorCounts = {
  call: ({ calls }: PodReport): readonly CodeCount[] => calls,
  tile: ({ serving }: PodReport): readonly CodeCount[] => (serving?.adapters ?? []).flatMap(({ tiles }) => tiles),
  job: ({ jobFailures }: PodReport): readonly CodeCount[] => jobFailures,
} as const;

function errorsOf(pairs: readonly ReportPair[]): ErrorState[] {
  return (['call', 'tile', 'job'] as const).flatMap((of) => {
    const countsOf = errorCounts[of];
    const codes = new Set(pairs.flatMap(({ to }) => countsOf(to).map(({ code }) => code)).filter(isError));
    return [...codes].map((code) => {
      const valueOf = (report: PodReport): number => countOf(countsOf(report), (known) => known === code);
      const rate = sum(pairs, (pair) => perSecond(pair, valueOf));
      return { of, code, count: sum(pairs, ({ to }) => valueOf(to)), perSecond: rate };
    });
  });
}

function jobsOf(jobs: FleetJobs | undefined): JobLoad[] {
  const byKind = new Map<string, Record<string, number>>();
  for (const { kind, state, jobs: count } of jobs?.counts ?? []) {
    const name = jobKindName(kind);
    const states = byKind.get(name) ?? {};
    const stateName = jobStateName(state);
    byKind.set(name, { ...states, [stateName]: (states[stateName] ?? 0) + count });
  }
  return [...byKind].map(([kind, states]) => ({ kind, states }));
}

function isError(code: string): boolean {
  return code !== 'OK';
}

function countOf(counts: readonly CodeCount[], isCounted: (code: string) => boolean): number {
  return sum(counts, ({ code, count }) => (isCounted(code) ? count : 0));
}

/** Returns what a counter grew by a second; 0 where there is one report only. */
function perSecond({ from, to }: ReportPair, valueOf: (report: PodReport) => number): number {
  const seconds = (toMilliseconds(to.uptime) - toMilliseconds(from.uptime)) / 1000;
  return seconds <= 0 ? 0 : Math.max(0, valueOf(to) - valueOf(from)) / seconds;
}

function difference(from: Waits | undefined, to: Waits | undefined): Waits {
  if (to === undefined) return { bounds: [], counts: [] };
  return { bounds: to.bounds, counts: to.counts.map((count, i) => Math.max(0, count - (from?.counts[i] ?? 0))) };
}

function addWaits(all: readonly Waits[]): Waits {
  const bounds = all.find((waits) => waits.bounds.length > 0)?.bounds ?? [];
  const counts = Array.from({ length: bounds.length + 1 }, (_, i) => sum(all, (waits) => waits.counts[i] ?? 0));
  return { bounds, counts };
}

/**
 * Returns a quantile of waiting times in seconds, even within a range; null for none. Beyond the last bound it is that
 * bound.
 */
export function quantile({ bounds, counts }: Waits, share: number): number | null {
  const wanted = share * sum(counts, (count) => count);
  if (wanted === 0) return null;
  let below = 0;
  for (const [i, upper] of bounds.entries()) {
    const count = counts[i]!;
    const lower = bounds[i - 1] ?? 0;
    if (below + count >= wanted) return lower + ((wanted - below) / count) * (upper - lower);
    below += count;
  }
  return bounds.at(-1) ?? null;
}

function sum<Item>(items: readonly Item[], valueOf: (item: Item) => number): number {
  return items.reduce((total, item) => total + valueOf(item), 0);
}
