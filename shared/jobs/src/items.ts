import type { WorkQueue } from '@hyperswap/messaging';
import type { KnownJob } from './job-records.js';
import { countParts, hasPart } from './parts.js';

/** Content of a work item: a job in one piece, or to be cut into parts, or one part. */
export interface JobItem {
  readonly kind: string;
  readonly job: string;
  /** Items of another round than the record's are passed over. */
  readonly round: number;
  readonly part?: number;
}

export type JobQueue = WorkQueue<JobItem>;

/** Name that tries are counted under. */
export function itemName({ part }: Pick<JobItem, 'part'>): string {
  return part === undefined ? 'job' : String(part);
}

/** Publishes the first item of a job. */
export async function publishJob(queue: JobQueue, kind: string, { id, record }: KnownJob): Promise<void> {
  const item = { kind, job: id, round: record.round };
  await queue.publish(item, itemId(item));
}

/** Publishes the parts that are not done; where all are, the last one, so that a worker puts them together. */
export async function publishParts(queue: JobQueue, kind: string, { id, record }: KnownJob): Promise<void> {
  const { total, finished } = record.parts!;
  const isWhole = countParts(finished) === total;
  for (let part = isWhole ? total - 1 : 0; part < total; part++) {
    if (hasPart(finished, part) && !isWhole) continue;
    const item = { kind, job: id, round: record.round, part };
    await queue.publish(item, itemId(item));
  }
}

function itemId(item: JobItem): string {
  return `${item.job}.${item.round}.${itemName(item)}`;
}
