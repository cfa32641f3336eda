import { metricsOf, type Metrics } from '@hyperswap/map';

/** Counts of a map's labels, and how they agree with what is known of the ground. */
export class Tally {
  /** Pixels of each class, from 1 on. */
  readonly pixels: number[];
  private readonly confusion: number[];
  private compared = 0;

  constructor(private readonly names: readonly string[]) {
    this.pixels = names.map(() => 0);
    this.confusion = new Array<number>(names.length ** 2).fill(0);
  }

  /** @param truth of the same pixels, 0 where it is not known; undefined without labels */
  add(labels: Uint8Array, truth: Uint8Array | undefined): void {
    const classes = this.names.length;
    for (let pixel = 0; pixel < labels.length; pixel++) {
      const label = labels[pixel]!;
      if (label === 0) continue;
      this.pixels[label - 1]! += 1;
      const known = truth?.[pixel] ?? 0;
      if (known === 0 || known > classes) continue;
      this.confusion[(known - 1) * classes + label - 1]! += 1;
      this.compared += 1;
    }
  }

  /** Returns the agreement with the labels; undefined where no pixel has one. */
  metrics(): Metrics | undefined {
    return this.compared === 0 ? undefined : metricsOf(this.confusion, this.names);
  }
}
