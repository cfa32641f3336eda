import type { SerializedError } from '@hyperswap/errors';
import { z } from 'zod';
import { countParts, noParts } from './parts.js';
import { hasEnded, type JobStatus } from './job-status.js';

/** Attempts at an item that ended without success. */
export interface Tries {
  /** Failures with an error that a retry may fix; their number is limited. */
  readonly failures: number;
  /** Returns because a queue was full or a process drained; these never count as failures. */
  readonly returns: number;
}

const errorSchema: z.ZodType<SerializedError> = z.object({
  code: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
});
const since = z.number();
const triesSchema = z.object({ failures: z.number().int(), returns: z.number().int() });

/** Record of a job that all processes share: the value in its kind's bucket, under its id. */
export const jobRecordSchema = z.object({
  kind: z.string(),
  /** The request's bytes in base64. */
  request: z.string(),
  status: z.union([
    z.object({ state: z.enum(['queued', 'running']), since, reason: errorSchema.optional() }),
    z.object({ state: z.enum(['cancelling', 'done', 'cancelled']), since }),
    z.object({ state: z.literal('failed'), since, reason: errorSchema }),
  ]) satisfies z.ZodType<JobStatus>,
  /** Milliseconds since 1970. */
  createdAt: z.number(),
  /** Time at which a worker first took it; absent while it waits. */
  startedAt: z.number().optional(),
  /** Time of the last change. */
  changedAt: z.number(),
  /** Times that a worker took it, or cut it. */
  attempts: z.number().int(),
  /** Latest progress in base64, updated every few seconds. */
  progress: z.string().optional(),
  /** Number of the round. It increases when the items are published again; workers skip items of earlier rounds. */
  round: z.number().int(),
  /** Attempt that works on a job without parts. An attempt that is no longer named here was considered lost. */
  holder: z.string().optional(),
  /** Failed attempts by item: `job` or the number of a part. Items without any are not named. */
  tries: z.record(z.string(), triesSchema),
  /** Absent for a job in one piece. */
  parts: z.object({ total: z.number().int().positive(), finished: z.string() }).optional(),
  /** Process whose end also ends the job; absent if other processes continue it. */
  owner: z.string().optional(),
  /** W3C Trace Context of the call that started it. */
  traceparent: z.string().max(200).optional(),
});

export type JobRecord = Readonly<z.infer<typeof jobRecordSchema>>;

/** Returns the record of a new job. */
export function newRecord(given: {
  readonly kind: string;
  readonly request: Uint8Array;
  readonly parts: number | undefined;
  readonly owner: string | undefined;
  readonly traceparent: string | undefined;
}): JobRecord {
  const { kind, parts, owner, traceparent } = given;
  const now = Date.now();
  return {
    kind,
    request: Buffer.from(given.request).toString('base64'),
    status: { state: 'queued', since: now },
    createdAt: now,
    changedAt: now,
    attempts: 0,
    round: 0,
    tries: {},
    parts: parts === undefined ? undefined : { total: parts, finished: noParts(parts) },
    owner,
    traceparent,
  };
}

/** Returns the record of a job that is queued again, with all retries available again. Finished parts stay finished. */
export function queuedAgain(record: JobRecord): JobRecord {
  const { round } = record;
  return { ...record, status: { state: 'queued', since: Date.now() }, holder: undefined, round: round + 1, tries: {} };
}

/** A record with another status; one that has ended stays as it is. */
export function withStatus(record: JobRecord, status: JobStatus): JobRecord {
  return hasEnded(record.status) ? record : { ...record, status };
}

/** A record with one more failure or return of an item. */
export function withTry(record: JobRecord, item: string, outcome: keyof Tries): JobRecord {
  const tries = triesOf(record, item);
  return { ...record, tries: { ...record.tries, [item]: { ...tries, [outcome]: tries[outcome] + 1 } } };
}

export function triesOf(record: JobRecord, item: string): Tries {
  return Object.hasOwn(record.tries, item) ? record.tries[item]! : { failures: 0, returns: 0 };
}

/** Returns true if every part is done; false for a job in one piece. */
export function hasAllParts({ parts }: JobRecord): boolean {
  return parts?.total === countParts(parts?.finished ?? '');
}
