import type { FleetJobs, PodReport, WatchFleetResponse } from '@hyperswap/proto';
import { toMilliseconds } from '@hyperswap/rpc';
import { fleetLoad, type FleetLoad, type ReportPair } from './fleet-load.js';

/** Rates are those of so many seconds, or of one interval if that is longer. */
const windowSeconds = 5;
/** Seconds without a report after which a process is no longer shown. */
const forgottenSeconds = 60;

interface Received {
  readonly report: PodReport;
  /** Milliseconds of `performance`. */
  readonly at: number;
}

/** The last reports of each process of a fleet. */
export class FleetHistory {
  private readonly reports = new Map<string, Received[]>();
  private jobs: FleetJobs | undefined;

  /** @param interval seconds between two reports of a process */
  constructor(private readonly interval: number) {}

  /** Adds a report. @param now monotonic time in milliseconds */
  add({ event }: WatchFleetResponse, now = performance.now()): void {
    if (event?.$case === 'jobs') this.jobs = event.value;
    if (event?.$case !== 'pod') return;
    const report = event.value;
    const known = this.reports.get(report.pod) ?? [];
    const last = known.at(-1)?.report;
    const isRestarted = last !== undefined && toMilliseconds(report.uptime) < toMilliseconds(last.uptime);
    const oldest = toMilliseconds(report.uptime) - 1000 * Math.max(windowSeconds, this.interval) - 500;
    const kept = isRestarted ? [] : known.filter(({ report: { uptime } }) => toMilliseconds(uptime) >= oldest);
    // The last report always stays, because a rate needs two.
    const before = kept.length === 0 && !isRestarted ? known.slice(-1) : kept;
    this.reports.set(report.pod, [...before, { report, at: now }]);
  }

  /** Returns true if there is a rate for each known process. */
  get isComplete(): boolean {
    return this.reports.size > 0 && [...this.reports.values()].every(({ length }) => length > 1);
  }

  /** Returns the load of the last seconds. */
  load(now = performance.now()): FleetLoad {
    const pairs: ReportPair[] = [];
    for (const [pod, received] of this.reports) {
      const [first, last] = [received[0]!, received.at(-1)!];
      const age = (now - last.at) / 1000;
      if (age > forgottenSeconds) this.reports.delete(pod);
      else pairs.push({ from: first.report, to: last.report, age });
    }
    return fleetLoad(pairs, this.jobs, this.interval);
  }
}
