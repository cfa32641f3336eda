import type { Bus } from '@hyperswap/messaging';
import type { ObjectStore } from '@hyperswap/storage';
import { interruptOrphan } from './interrupted.js';
import { publishJob, type JobQueue } from './items.js';
import { queuedAgain, withStatus } from './job-record.js';
import type { JobRecords, KnownJob } from './job-records.js';
import { hasEnded } from './job-status.js';
import { jobObjects } from './objects.js';

/** Maximum number of finished jobs of one kind; the oldest are deleted first, even within their retention. */
const maximumKept = 1_000;

export interface SweepContext {
  readonly kind: string;
  readonly records: JobRecords;
  readonly queue: JobQueue;
  readonly bus: Bus;
  readonly store: ObjectStore;
  /** Retention of finished jobs with their objects, in milliseconds. */
  readonly keepMilliseconds: number;
  /** Age of the last change after which a sweep checks that a job is still in its queue. */
  readonly silenceMilliseconds: number;
}

/**
 * Deletes old jobs of one kind, and repairs jobs that a crashed process left unfinished. Any number of processes may
 * sweep at the same time.
 */
export async function sweep(context: SweepContext): Promise<void> {
  const { records, store, kind, keepMilliseconds } = context;
  const jobs = await records.list();
  const ended = jobs.filter(({ record }) => hasEnded(record.status)).sort((a, b) => since(b) - since(a));
  const isOld = (job: KnownJob, place: number): boolean =>
    place >= maximumKept || since(job) + keepMilliseconds <= Date.now();
  for (const job of ended.filter(isOld)) {
    // The record goes last: a sweep that ends here is repeated.
    for (const { key } of await store.list(jobObjects(kind, job.id))) await store.delete(key);
    await records.delete(job.id);
  }
  for (const job of jobs) if (!hasEnded(job.record.status)) await mend(context, job);
}

function since({ record }: KnownJob): number {
  return record.status.since;
}

async function mend(context: SweepContext, { id, record }: KnownJob): Promise<void> {
  const { kind, records, queue, bus, silenceMilliseconds } = context;
  if (record.owner !== undefined) return interruptOrphan(records, bus, kind, { id, record });
  if (bus.owner !== undefined || record.changedAt + silenceMilliseconds > Date.now()) return;
  if ((await queue.held(id)).size > 0) return;
  // Its items are lost: the process that had to publish them crashed, or the bus lost its data.
  const changed = await records.change(id, (current) => {
    if (current.round !== record.round || current.changedAt !== record.changedAt) return current;
    if (current.status.state === 'cancelling') return withStatus(current, { state: 'cancelled', since: Date.now() });
    return queuedAgain(current);
  });
  if (changed.round !== record.round) await publishJob(queue, kind, { id, record: changed });
}
