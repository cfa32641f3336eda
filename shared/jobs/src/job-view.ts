import type { JobKind } from './job-kind.js';
import type { KnownJob } from './job-records.js';
import type { JobStatus } from './job-status.js';
import { countParts } from './parts.js';

/** A job as callers of services are told of it. */
export interface JobView<Request> {
  readonly id: string;
  readonly kind: string;
  readonly request: Request;
  readonly status: JobStatus;
  readonly createdAt: Date;
  /** When a worker first took it. */
  readonly startedAt: Date | undefined;
  /** When it was done, failed or was cancelled. */
  readonly endedAt: Date | undefined;
  /** Of a job that is cut into parts. */
  readonly parts: { readonly done: number; readonly total: number } | undefined;
  /** Attempts, at the job or any part of it, that failed and were or will be repeated. */
  readonly failures: number;
}

/** @throws what the kind's codec throws for a request that it cannot read */
export function toView<Request>(
  kind: Pick<JobKind<Request, unknown, unknown>, 'name' | 'request'>,
  { id, record }: KnownJob,
): JobView<Request> {
  const { status, parts, tries } = record;
  const hasEnded = status.state === 'done' || status.state === 'failed' || status.state === 'cancelled';
  return {
    id,
    kind: kind.name,
    request: kind.request.decode(Buffer.from(record.request, 'base64')),
    status: status as JobStatus,
    createdAt: new Date(record.createdAt),
    startedAt: record.startedAt === undefined ? undefined : new Date(record.startedAt),
    endedAt: hasEnded ? new Date(status.since) : undefined,
    parts: parts && { done: countParts(parts.finished), total: parts.total },
    failures: Object.values(tries).reduce((sum, { failures }) => sum + failures, 0),
  };
}
