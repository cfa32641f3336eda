import { observe, type Reading } from '@hyperswap/telemetry';
import type { JobRecords } from './job-records.js';

/** Time for which a count of jobs holds: counting reads all records of a kind. */
const freshMilliseconds = 10_000;

/** Source of the metrics of jobs. */
export interface CountedJobs {
  /** Records of the kinds that this process does. */
  readonly records: () => Iterable<readonly [kind: string, records: Pick<JobRecords, 'list'>]>;
  /** Items under way in this process, by kind. */
  readonly busy: ReadonlyMap<string, number>;
}

/** Observes how many jobs there are in each state, and what this process works on. @returns the function that stops it */
export function observeJobs({ records, busy }: CountedJobs): () => void {
  let counted: Promise<Reading[]> | undefined;
  let countedAt = -Infinity;
  const count = async (): Promise<Reading[]> => {
    const readings: Reading[] = [];
    for (const [kind, known] of records()) {
      const byState = new Map<string, number>();
      for (const { record } of await known.list()) {
        const { state } = record.status;
        byState.set(state, (byState.get(state) ?? 0) + 1);
      }
      for (const [state, jobs] of byState) readings.push([jobs, { kind, state }]);
    }
    return readings;
  };
  const stops = [
    observe('jobs', () => {
      if (performance.now() - countedAt > freshMilliseconds) {
        countedAt = performance.now();
        // There are no counts without the bus.
        counted = count().catch(() => []);
      }
      return counted ?? [];
    }),
    observe('workers', () => [...busy].map(([kind, items]) => [items, { kind, state: 'busy' }] as const)),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
