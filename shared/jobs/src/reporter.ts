import type { Codec } from './job-kind.js';

/** Shortest time between two events of one attempt. */
const tellMilliseconds = 100;
/** Interval at which progress is also written to the job's record, for lists and for late watchers. */
const keepMilliseconds = 5_000;

/** Subject of the progress of a job. */
export function progressSubject(kind: string, id: string): string {
  return `jobs.${kind}.${id}`;
}

/** Transports of progress, as bytes in base64. Lost messages do no harm, because newer ones follow. */
export interface ReportTargets {
  readonly tell: (progress: string) => Promise<void>;
  readonly keep: (progress: string) => Promise<void>;
}

/** Publishes the progress of an attempt, at a limited rate. Only the last report of an interval is published. */
export class Reporter<Progress> {
  private next: Progress | undefined;
  private keptAt = performance.now();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly codec: Codec<Progress>,
    private readonly targets: ReportTargets,
  ) {}

  report(progress: Progress): void {
    this.next = progress;
    if (this.timer !== undefined) return;
    this.send();
    this.timer = setInterval(() => {
      if (this.next === undefined) this.stop();
      else this.send();
    }, tellMilliseconds);
    this.timer.unref();
  }

  /** Publishes the last report, and ends. */
  close(): void {
    if (this.next !== undefined) this.send();
    this.stop();
  }

  private send(): void {
    const content = Buffer.from(this.codec.encode(this.next!).finish()).toString('base64');
    this.next = undefined;
    this.targets.tell(content).catch(() => undefined);
    if (performance.now() - this.keptAt < keepMilliseconds) return;
    this.keptAt = performance.now();
    this.targets.keep(content).catch(() => undefined);
  }

  private stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
