/** Share of the newest measurement in the mean. */
const freshness = 0.2;
const shortestRetry = 100;
const longestRetry = 30_000;

/** Moving mean of the patches that are classified in a second, for hints when to try again. */
export class Throughput {
  private patchesPerMillisecond: number | undefined;
  private last: number | undefined;

  /** @param clock monotonic clock in milliseconds */
  constructor(private readonly clock: () => number = () => performance.now()) {}

  /** Some patches were classified just now. A pause before them counts as one in which nothing was asked for. */
  add(patches: number): void {
    const now = this.clock();
    const elapsed = this.last === undefined ? undefined : now - this.last;
    this.last = now;
    if (elapsed === undefined || elapsed <= 0 || elapsed > longestRetry) return;
    const measured = patches / elapsed;
    this.patchesPerMillisecond =
      this.patchesPerMillisecond === undefined
        ? measured
        : (1 - freshness) * this.patchesPerMillisecond + freshness * measured;
  }

  /**
   * Returns the estimated time to classify as many patches as wait, 0.1 to 30 s; one second before the first
   * measurement.
   */
  millisecondsFor(patches: number): number {
    const expected = this.patchesPerMillisecond === undefined ? 1_000 : patches / this.patchesPerMillisecond;
    return Math.round(Math.min(longestRetry, Math.max(shortestRetry, expected)));
  }
}
