import type { JobKind } from './job-kind.js';
import type { KnownJob } from './job-records.js';
import { hasEnded, type JobStatus } from './job-status.js';
import { jobObjects } from './objects.js';
import { countParts } from './parts.js';

/** View of a job for callers of the services. */
export interface JobView<Request, Progress = unknown> {
  readonly id: string;
  readonly kind: string;
  /** Beginning of the keys of all objects of the job, with a slash at its end. */
  readonly objects: string;
  readonly request: Request;
  /** Subject of the job, in a few words. */
  readonly subject: string;
  readonly status: JobStatus;
  readonly createdAt: Date;
  /** Time at which a worker first took it. */
  readonly startedAt: Date | undefined;
  /** Time at which it was done, failed or was cancelled. */
  readonly endedAt: Date | undefined;
  /** Latest progress, updated every few seconds. */
  readonly progress: Progress | undefined;
  /** Times that a worker took it, the current one included. */
  readonly attempts: number;
  /** Count of a job that is cut into parts. */
  readonly parts: { readonly done: number; readonly total: number } | undefined;
  /** Attempts, at the job or any part of it, that failed and were or will be repeated. */
  readonly failures: number;
}

/** @throws errors of the kind's codecs for a request or progress that they cannot read */
export function toView<Request, Progress>(
  kind: JobKind<Request, unknown, Progress>,
  { id, record }: KnownJob,
): JobView<Request, Progress> {
  const { status, parts, tries, attempts, progress } = record;
  const request = kind.request.decode(Buffer.from(record.request, 'base64'));
  return {
    id,
    kind: kind.name,
    objects: jobObjects(kind.name, id),
    request,
    subject: kind.subject(request),
    status,
    createdAt: new Date(record.createdAt),
    startedAt: record.startedAt === undefined ? undefined : new Date(record.startedAt),
    endedAt: hasEnded(status) ? new Date(status.since) : undefined,
    progress: progress === undefined ? undefined : kind.progress.decode(Buffer.from(progress, 'base64')),
    attempts,
    parts: parts && { done: countParts(parts.finished), total: parts.total },
    failures: Object.values(tries).reduce((sum, { failures }) => sum + failures, 0),
  };
}
