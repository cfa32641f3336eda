import { setTimeout as sleep } from 'node:timers/promises';
import { PodReport, type FleetJobs, type WatchFleetResponse } from '@hyperswap/proto';
import type { Bus } from '@hyperswap/messaging';
import { ResponseQueue } from '@hyperswap/rpc';

/** Subject on which watchers ask all processes to report. */
const wantedSubject = 'fleet.wanted';
/** Subject of the reports. */
const reportSubject = 'fleet.reports';
/** Interval between two requests of a watcher. */
const askMilliseconds = 2_000;
/** Time for which a process reports after a request. */
const reportMilliseconds = 3 * askMilliseconds;
/** Minimum interval between two counts of jobs. A count reads all records. */
const countMilliseconds = 2_000;

export interface FleetContext {
  readonly events: Bus['events'];
  /** Makes the report of this process. */
  readonly report: () => Promise<PodReport>;
  /** Counts the jobs of the fleet. */
  readonly countJobs: () => Promise<FleetJobs>;
}

/**
 * Reports of the processes that share a bus. Processes report only while a client watches: a watcher sends a request on
 * one subject every two seconds, and each process that receives it reports on another subject until the requests stop.
 * No process keeps a list of the others.
 */
export class Fleet {
  private readonly unsubscribe: () => void;
  private readonly stopping = new AbortController();
  /** Ends the pause before the next report. */
  private pause = new AbortController();
  private isReporting = false;
  private wantedUntil = -Infinity;
  private interval = Infinity;

  constructor(private readonly context: FleetContext) {
    this.unsubscribe = context.events.subscribe(wantedSubject, (wanted) => this.ask(wanted));
  }

  /** Ends the reports of this process. */
  stop(): void {
    this.unsubscribe();
    this.stopping.abort();
    this.pause.abort();
  }

  /**
   * Watches all processes. A slow client gets the latest report of each.
   *
   * @param interval milliseconds between two reports of a process
   * @param signal ends the watch quietly
   */
  async *watch(interval: number, signal: AbortSignal): AsyncGenerator<WatchFleetResponse> {
    const { events } = this.context;
    const news = new ResponseQueue<WatchFleetResponse>();
    const over = new AbortController();
    const end = (): void => {
      over.abort();
      news.end();
    };
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    const unsubscribe = events.subscribe(reportSubject, (content) => {
      const pod = reportOf(content);
      if (pod !== undefined) news.replace(pod.pod, { event: { $case: 'pod', value: pod } });
    });
    const tasks = [
      repeat(over.signal, async () => {
        await events.publish(wantedSubject, { interval });
        return askMilliseconds;
      }),
      repeat(over.signal, async () => {
        const start = performance.now();
        const jobs = await this.context.countJobs();
        news.replace('', { event: { $case: 'jobs', value: jobs } });
        // Counting takes at most a tenth of the time.
        return Math.max(countMilliseconds, interval, 10 * (performance.now() - start));
      }),
    ];
    try {
      yield* news;
    } finally {
      end();
      unsubscribe();
      signal.removeEventListener('abort', end);
      await Promise.all(tasks);
    }
  }

  /** Begins to report, or reports more often, because a client watches. */
  private ask(wanted: unknown): void {
    const { interval } = (wanted ?? {}) as { readonly interval?: unknown };
    if (typeof interval !== 'number' || !(interval > 0) || this.stopping.signal.aborted) return;
    const now = performance.now();
    const isSooner = now > this.wantedUntil || interval < this.interval;
    if (isSooner) this.interval = interval;
    this.wantedUntil = now + Math.max(reportMilliseconds, interval);
    if (isSooner) this.pause.abort();
    if (!this.isReporting) void this.report();
  }

  /** Reports after each interval until no client watches. */
  private async report(): Promise<void> {
    this.isReporting = true;
    const isWanted = (): boolean => performance.now() <= this.wantedUntil && !this.stopping.signal.aborted;
    while (isWanted()) {
      this.pause = new AbortController();
      const start = performance.now();
      // Watchers see a process whose reports fail as silent.
      await this.tell().catch(() => undefined);
      const rest = Math.max(0, this.interval - (performance.now() - start));
      await sleep(rest, undefined, { signal: this.pause.signal, ref: false }).catch(() => undefined);
    }
    this.isReporting = false;
  }

  private async tell(): Promise<void> {
    const report = PodReport.encode(await this.context.report()).finish();
    await this.context.events.publish(reportSubject, Buffer.from(report).toString('base64'));
  }
}

/** Repeats a task. After a failure, for example of the bus, it retries. @param task returns milliseconds to wait */
async function repeat(signal: AbortSignal, task: () => Promise<number>): Promise<void> {
  while (!signal.aborted) {
    const pause = await task().catch(() => askMilliseconds);
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
}

/** Returns a report; undefined if the message is not a report of this release. */
function reportOf(content: unknown): PodReport | undefined {
  try {
    const report = PodReport.decode(Buffer.from(String(content), 'base64'));
    return report.pod === '' ? undefined : report;
  } catch {
    return undefined;
  }
}
