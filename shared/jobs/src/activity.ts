import { setTimeout as sleep } from 'node:timers/promises';

/** Work of one process: the number of items under way, and the time of the last change. */
export class Activity {
  private underWay = 0;
  private changedAt = performance.now();

  /** Counts an item while it is under way. */
  async during<Result>(work: () => Promise<Result>): Promise<Result> {
    this.underWay += 1;
    try {
      return await work();
    } finally {
      this.underWay -= 1;
      this.changedAt = performance.now();
    }
  }

  /**
   * Waits until nothing has been under way for some time.
   *
   * @param signal ends the waiting: the promise stays pending
   */
  async idle(milliseconds: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const left = this.underWay > 0 ? milliseconds : this.changedAt + milliseconds - performance.now();
      if (left <= 0) return;
      await sleep(left, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) await new Promise(() => undefined);
    }
  }
}
