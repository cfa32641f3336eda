import { observe, type Reading } from '@hyperswap/telemetry';
import type { JobRecords } from './job-records.js';
import type { JobState } from './job-status.js';

/** Time for which a count of jobs holds: counting reads all records of a kind. */
const freshMilliseconds = 10_000;

const jobStates: readonly JobState[] = ['queued', 'running', 'cancelling', 'done', 'failed', 'cancelled'];

/** Source of the metrics of jobs. */
export interface CountedJobs {
  /** Records of the kinds that this process does. */
  readonly records: () => Iterable<readonly [kind: string, records: Pick<JobRecords, 'list'>]>;
  /** Items in progress in this process, by kind. */
  readonly busy: ReadonlyMap<string, number>;
}

/**
 * Observes how many jobs there are in each state, and what this process works on.
 *
 * @returns the function that stops it
 */
export function observeJobs({ records, busy }: CountedJobs): () => void {
  let counted: Promise<Reading[]> | undefined;
  let countedAt = -Infinity;
  const count = async (): Promise<Reading[]> => {
    const readings: Reading[] = [];
    for (const [kind, known] of records()) {
      const counts = await countByState(known);
      // Zero is reported too, because an alert compares with it.
      for (const state of jobStates) readings.push([counts.get(state) ?? 0, { kind, state }]);
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

/** Counts the jobs of a kind that are kept, by state. */
export async function countByState(records: Pick<JobRecords, 'list'>): Promise<ReadonlyMap<JobState, number>> {
  const byState = new Map<JobState, number>();
  for (const { record } of await records.list()) {
    const { state } = record.status;
    byState.set(state, (byState.get(state) ?? 0) + 1);
  }
  return byState;
}
