import { setTimeout as sleep } from 'node:timers/promises';

/** Work of one process: the number of items in progress, and the time of the last change. */
export class Activity {
  private underWay = 0;
  private changedAt = -Infinity;

  /** Counts an item while it is in progress. */
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
   * Waits until no item has been in progress for some time since the call. Time before the call, such as loading an
   * engine, does not count as idle.
   *
   * @param signal ends the waiting: the promise stays pending
   */
  async idle(milliseconds: number, signal: AbortSignal): Promise<void> {
    const calledAt = performance.now();
    for (;;) {
      const since = Math.max(calledAt, this.changedAt);
      const left = this.underWay > 0 ? milliseconds : since + milliseconds - performance.now();
      if (left <= 0) return;
      await sleep(left, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) await new Promise(() => undefined);
    }
  }
}
