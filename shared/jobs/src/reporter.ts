import type { Events } from '@hyperswap/messaging';
import type { Codec } from './job-kind.js';

/** Shortest time between two events of one attempt. */
const pauseMilliseconds = 100;

/** Subject of the progress of a job. */
export function progressSubject(kind: string, id: string): string {
  return `jobs.${kind}.${id}`;
}

/** Publishes the progress of an attempt, not more often than watchers need it: of reports in between the last one counts. */
export class Reporter<Progress> {
  private next: Progress | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly events: Events,
    private readonly subject: string,
    private readonly codec: Codec<Progress>,
  ) {}

  report(progress: Progress): void {
    this.next = progress;
    if (this.timer !== undefined) return;
    this.send();
    this.timer = setInterval(() => {
      if (this.next === undefined) this.stop();
      else this.send();
    }, pauseMilliseconds);
    this.timer.unref();
  }

  /** Publishes what is left, and ends. */
  close(): void {
    if (this.next !== undefined) this.send();
    this.stop();
  }

  private send(): void {
    const content = Buffer.from(this.codec.encode(this.next!).finish()).toString('base64');
    this.next = undefined;
    // Progress that is lost while the bus is away is followed by more.
    this.events.publish(this.subject, content).catch(() => undefined);
  }

  private stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
