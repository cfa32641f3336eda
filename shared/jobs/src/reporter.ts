import type { Codec } from './job-kind.js';

/** Shortest time between two events of one attempt. */
const tellMilliseconds = 100;
/** Time after which progress is also written to the job's record, for lists and for watchers who come late. */
const keepMilliseconds = 5_000;

/** Subject of the progress of a job. */
export function progressSubject(kind: string, id: string): string {
  return `jobs.${kind}.${id}`;
}

/** Ways that progress takes, as bytes in base64. What is lost on the way is followed by more. */
export interface ReportTargets {
  readonly tell: (progress: string) => Promise<void>;
  readonly keep: (progress: string) => Promise<void>;
}

/** Passes on the progress of an attempt, not more often than watchers need it: of reports in between the last one counts. */
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

  /** Tells what is left, and ends. */
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
