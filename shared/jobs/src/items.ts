import type { WorkQueue } from '@hyperswap/messaging';
import { z } from 'zod';
import type { KnownJob } from './job-records.js';
import { hasPart } from './parts.js';

/** Content of a work item: a job in one piece, or to be cut into parts, or one part. */
export const jobItemSchema = z.object({
  kind: z.string(),
  job: z.string(),
  /** Round of the item. Workers skip items of another round than the record's. */
  round: z.number().int(),
  part: z.number().int().nonnegative().optional(),
  /** W3C Trace Context of the call that started the job. */
  traceparent: z.string().max(200).optional(),
});

export type JobItem = Readonly<z.infer<typeof jobItemSchema>>;

/**
 * Parts of a job that are in the queue at once: enough for many processes, few enough that many jobs of many parts need
 * little room.
 */
const partsAtOnce = 256;

export type JobQueue = WorkQueue<JobItem>;

/** Key under which attempts are counted. */
export function itemName({ part }: Pick<JobItem, 'part'>): string {
  return part === undefined ? 'job' : String(part);
}

/** Publishes the first item of a job. */
export async function publishJob(queue: JobQueue, kind: string, { id, record }: KnownJob): Promise<void> {
  const item = { kind, job: id, round: record.round, traceparent: record.traceparent };
  await queue.publish(item, itemId(item));
}

/**
 * Publishes the first parts of a job that are not done; the others follow as these are done, one for one. Where all are
 * done, the last part is published, so that a worker puts them together.
 */
export async function publishParts(queue: JobQueue, kind: string, job: KnownJob): Promise<void> {
  const { total } = job.record.parts!;
  let isAnyMissing = false;
  for (let lane = 0; lane < Math.min(partsAtOnce, total); lane++) {
    if (await publishPart(queue, kind, job, lane)) isAnyMissing = true;
  }
  if (!isAnyMissing) await publish(queue, kind, job, total - 1);
}

/** Publishes the part that follows one that is done, if there is any. Doing it twice is harmless. */
export async function publishNextPart(queue: JobQueue, kind: string, job: KnownJob, done: number): Promise<void> {
  await publishPart(queue, kind, job, done + partsAtOnce);
}

/**
 * Publishes the first part that is not done of `first`, `first + partsAtOnce` and so on.
 *
 * @returns true if there is any
 */
async function publishPart(queue: JobQueue, kind: string, job: KnownJob, first: number): Promise<boolean> {
  const { total, finished } = job.record.parts!;
  for (let part = first; part < total; part += partsAtOnce) {
    if (hasPart(finished, part)) continue;
    await publish(queue, kind, job, part);
    return true;
  }
  return false;
}

async function publish(queue: JobQueue, kind: string, { id, record }: KnownJob, part: number): Promise<void> {
  const item = { kind, job: id, round: record.round, part, traceparent: record.traceparent };
  await queue.publish(item, itemId(item));
}

function itemId(item: JobItem): string {
  return `${item.job}.${item.round}.${itemName(item)}`;
}
