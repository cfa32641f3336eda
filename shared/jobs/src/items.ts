import type { WorkQueue } from '@hyperswap/messaging';
import { z } from 'zod';
import type { KnownJob } from './job-records.js';
import { hasPart } from './parts.js';

/** Content of a work item: a job in one piece, or to be cut into parts, or one part. */
export const jobItemSchema = z.object({
  kind: z.string(),
  job: z.string(),
  /** Items of another round than the record's are passed over. */
  round: z.number().int(),
  part: z.number().int().nonnegative().optional(),
});

export type JobItem = Readonly<z.infer<typeof jobItemSchema>>;

/** Items that are on their way to the bus at once. */
const publishedAtOnce = 32;

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
  const missing = Array.from({ length: total }, (_, part) => part).filter((part) => !hasPart(finished, part));
  const parts = missing.length === 0 ? [total - 1] : missing;
  for (let first = 0; first < parts.length; first += publishedAtOnce) {
    await Promise.all(
      parts.slice(first, first + publishedAtOnce).map((part) => {
        const item = { kind, job: id, round: record.round, part };
        return queue.publish(item, itemId(item));
      }),
    );
  }
}

function itemId(item: JobItem): string {
  return `${item.job}.${item.round}.${itemName(item)}`;
}
