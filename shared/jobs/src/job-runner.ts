import { randomUUID } from 'node:crypto';
import { failure, HyperswapError } from '@hyperswap/errors';
import type { Bus } from '@hyperswap/messaging';
import type { ObjectStore } from '@hyperswap/storage';
import { traceparent, type Logger } from '@hyperswap/telemetry';
import { Activity } from './activity.js';
import { interrupt } from './interrupted.js';
import { publishJob, type JobItem, type JobQueue } from './items.js';
import type { JobHandler, JobKind } from './job-kind.js';
import { newRecord, queuedAgain, withStatus } from './job-record.js';
import { JobRecords } from './job-records.js';
import { hasEnded, type JobState } from './job-status.js';
import { toView, type JobView } from './job-view.js';
import { countByState, observeJobs } from './job-metrics.js';
import { JobWorker, type Registration } from './job-worker.js';
import { jobObjects } from './objects.js';
import { maximumParts } from './parts.js';
import { sweep } from './sweep.js';
import { watchJob, type JobNews } from './watch-job.js';

/** Bytes of a request at most: it is part of the job's record. */
const maximumRequestBytes = 256 * 1024;
const retryAfterMilliseconds = 5_000;
/** Interval between two sweeps of a process, with jitter. */
const sweepMilliseconds = 300_000;

export interface JobRunnerContext {
  readonly bus: Bus;
  readonly store: ObjectStore;
  readonly logger: Logger;
  /** Lease of the bus's work items. */
  readonly leaseMilliseconds: number;
  /** Retention of finished jobs with their results, in milliseconds. */
  readonly keepMilliseconds: number;
  /** Maximum number of jobs of one kind that wait and run at the same time. */
  readonly jobLimit: number;
  /** Longest delay before a retry. @default a minute */
  readonly retryMilliseconds?: number;
  /** Age of the last change after which a sweep checks that a job is still in its queue. @default ten minutes */
  readonly silenceMilliseconds?: number;
}

export interface RegistrationOptions {
  /**
   * Number of items that this process works on at the same time. For kinds that share a queue, the largest number
   * counts.
   *
   * @default 1
   */
  readonly workers?: number;
}

type AnyKind = JobKind<unknown, unknown, unknown>;

/**
 * Starts, runs, watches and stores jobs of any kind. Each process has one runner. It begins to work when its handlers
 * are registered and the process serves. The README of the package describes how the parts interact.
 */
export class JobRunner {
  private readonly draining = new AbortController();
  private readonly stopping = new AbortController();
  private readonly records = new Map<string, JobRecords>();
  private readonly registrations = new Map<string, Registration>();
  private readonly workersOf = new Map<string, number>();
  private readonly activity = new Activity();
  /** Items in progress by kind. */
  private readonly busy = new Map<string, number>();
  private stopObserving: () => void = () => undefined;
  /** Promise of the last admission of a job, by kind; it never rejects. */
  private readonly admissions = new Map<string, Promise<unknown>>();
  private working: Promise<void>[] | undefined;
  private sweeping: Promise<void> = Promise.resolve();
  private sweepTimer: NodeJS.Timeout | undefined;

  constructor(private readonly context: JobRunnerContext) {}

  /** Registers the handler of a kind. This process runs its jobs from `begin` on. */
  register<Request, Result, Progress>(
    kind: JobKind<Request, Result, Progress>,
    handler: JobHandler<Request, Result, Progress>,
    { workers = 1 }: RegistrationOptions = {},
  ): void {
    if (this.working !== undefined) throw new Error(`${kind.name} is registered too late`);
    if ((kind.parts === undefined) !== (handler.runPart === undefined)) {
      throw new Error(`${kind.name} has parts that its handler does not do, or the other way round`);
    }
    const registration = { kind, handler, records: this.recordsOf(kind.name) } as unknown as Registration;
    this.registrations.set(kind.name, registration);
    // Zero is reported too: without it an alert could not detect that no process works.
    this.busy.set(kind.name, 0);
    const queue = queueName(kind);
    this.workersOf.set(queue, Math.max(workers, this.workersOf.get(queue) ?? 0));
  }

  /** Starts to take work, and to sweep the registered kinds. */
  begin(): void {
    if (this.working !== undefined) return;
    const { bus, store, logger, leaseMilliseconds, retryMilliseconds = 60_000 } = this.context;
    const { registrations } = this;
    this.working = [...this.workersOf].flatMap(([name, workers]) => {
      const queue = bus.workQueue<JobItem>(name);
      const [draining, stopping] = [this.draining.signal, this.stopping.signal];
      const [{ events }, { activity, busy }] = [bus, this];
      const common = { queue, registrations, events, store, logger, leaseMilliseconds, retryMilliseconds };
      const worker = { ...common, activity, busy, draining, stopping };
      return Array.from({ length: workers }, () => new JobWorker(worker).work());
    });
    const records = (): (readonly [string, JobRecords])[] =>
      [...registrations].map(([kind, { records: known }]) => [kind, known] as const);
    this.stopObserving = observeJobs({ records, busy: this.busy });
    this.sweeping = this.sweep();
    this.sweepTimer = setInterval(
      () => {
        this.sweeping = this.sweeping.then(() => this.sweep());
      },
      sweepMilliseconds * (0.75 + 0.5 * Math.random()),
    );
    this.sweepTimer.unref();
  }

  /**
   * Queues a job.
   *
   * @param id UUID that the client chose; an existing job with this id is not changed
   * @default a new UUID
   * @returns its id, a UUID
   * @throws JOBS_FULL with a hint when to try again; FIELD_INVALID for a request too large or of too many parts;
   * DRAINING
   */
  async start<Request, Result, Progress>(
    kind: JobKind<Request, Result, Progress>,
    request: Request,
    id: string = randomUUID(),
  ): Promise<string> {
    if (this.draining.signal.aborted) throw failure('DRAINING', {});
    const bytes = kind.request.encode(request).finish();
    if (bytes.byteLength > maximumRequestBytes) {
      const reason = `it has ${bytes.byteLength} bytes, more than the ${maximumRequestBytes} allowed`;
      throw failure('FIELD_INVALID', { field: `request of the ${kind.name}`, reason });
    }
    const parts = kind.parts?.(request);
    if (parts !== undefined && parts > maximumParts) {
      const reason = `the ${kind.name} would be cut into ${parts} parts, more than the ${maximumParts} allowed: make them larger`;
      throw failure('FIELD_INVALID', { field: 'parts', reason });
    }
    const records = this.recordsOf(kind.name);
    if ((await records.get(id)) !== undefined) return id;
    const record = newRecord({
      kind: kind.name,
      request: bytes,
      parts,
      owner: this.context.bus.owner,
      traceparent: traceparent(),
    });
    try {
      await this.admit(kind.name, () => records.create(id, record));
    } catch (error) {
      // Another process has started it in the meantime.
      if (HyperswapError.is(error, 'REVISION_STALE')) return id;
      throw error;
    }
    // A process that dies here leaves a job without an item: a sweep finds it.
    await publishJob(this.queueOf(kind), kind.name, { id, record });
    return id;
  }

  /**
   * Follows a job to its result, wherever it runs.
   *
   * @param signal ends the stream without an error
   * @throws JOB_NOT_FOUND; the error of the job; CANCELLED when it was cancelled; DRAINING when this process ends:
   * watch elsewhere
   */
  watch<Request, Result, Progress>(
    kind: JobKind<Request, Result, Progress>,
    id: string,
    signal: AbortSignal,
  ): AsyncGenerator<JobNews<Request, Result, Progress>> {
    const { store, bus } = this.context;
    const ending = this.draining.signal;
    return watchJob(kind, id, { records: this.recordsOf(kind.name), bus, store, ending }, signal);
  }

  /** @throws JOB_NOT_FOUND, INTERNAL for a request that cannot be read */
  async get<Request, Result, Progress>(
    kind: JobKind<Request, Result, Progress>,
    id: string,
  ): Promise<JobView<Request, Progress>> {
    return toView(kind, { id, record: await this.recordsOf(kind.name).find(id) });
  }

  /** Finds a job whose result is there. @throws JOB_NOT_FOUND, JOB_NOT_DONE */
  async getDone<Request, Result, Progress>(
    kind: JobKind<Request, Result, Progress>,
    id: string,
  ): Promise<JobView<Request, Progress>> {
    const job = await this.get(kind, id);
    const { state } = job.status;
    if (state !== 'done') throw failure('JOB_NOT_DONE', { kind: kind.name, job: id, state });
    return job;
  }

  /** All jobs of a kind that are kept, the oldest first. One whose request cannot be read is left out. */
  async list<Request, Result, Progress>(
    kind: JobKind<Request, Result, Progress>,
  ): Promise<JobView<Request, Progress>[]> {
    const jobs = await this.recordsOf(kind.name).list();
    return jobs.flatMap((job) => {
      try {
        return [toView(kind, job)];
      } catch (error) {
        this.context.logger.warn({ err: error, kind: kind.name, job: job.id }, 'a job cannot be read');
        return [];
      }
    });
  }

  /** Counts the jobs of a kind that are kept, by state. @param kind name */
  count(kind: string): Promise<ReadonlyMap<JobState, number>> {
    return countByState(this.recordsOf(kind));
  }

  /** Ends a job; one that has ended stays as it is. @throws JOB_NOT_FOUND */
  async cancel(kind: Pick<AnyKind, 'name'>, id: string): Promise<void> {
    const since = Date.now();
    const record = await this.recordsOf(kind.name).change(id, (current) => {
      const { status, parts } = current;
      // No other process has to stop first.
      if (status.state === 'queued' || parts !== undefined) return withStatus(current, { state: 'cancelled', since });
      return status.state === 'running' ? withStatus(current, { state: 'cancelling', since }) : current;
    });
    const registration = this.registrations.get(kind.name);
    if (record.status.state !== 'cancelled' || registration === undefined) return;
    const request = registration.kind.request.decode(Buffer.from(record.request, 'base64'));
    await registration.handler.clear?.({ id, request, objects: jobObjects(kind.name, id) }, 'cancelled');
  }

  /** Jobs of a kind that failed, the oldest first: those that `requeue` takes. */
  async deadLetters<Request, Result, Progress>(
    kind: JobKind<Request, Result, Progress>,
  ): Promise<JobView<Request, Progress>[]> {
    return (await this.list(kind)).filter(({ status }) => status.state === 'failed');
  }

  /**
   * Queues a failed job again, with all retries available again; finished parts stay finished.
   *
   * @throws JOB_NOT_FOUND, JOB_NOT_FAILED, JOBS_FULL
   */
  async requeue(kind: Pick<AnyKind, 'name' | 'queue'>, id: string): Promise<void> {
    const records = this.recordsOf(kind.name);
    const record = await this.admit(kind.name, () =>
      records.change(id, (current) => {
        const { state } = current.status;
        if (state !== 'failed') throw failure('JOB_NOT_FAILED', { kind: kind.name, job: id, state });
        return { ...queuedAgain(current), owner: this.context.bus.owner };
      }),
    );
    await publishJob(this.queueOf(kind), kind.name, { id, record });
  }

  /** Resolves when no item has been in progress in this process for some time. It stays pending after `drain`. */
  idle(milliseconds: number): Promise<void> {
    return this.activity.idle(milliseconds, this.draining.signal);
  }

  /**
   * Stops taking jobs and items, and ends all watches, so that callers move to another process. Items in progress
   * continue.
   */
  drain(): void {
    this.draining.abort(failure('DRAINING', {}));
    clearInterval(this.sweepTimer);
  }

  /** Drains, returns the items in progress to their queues, and waits until no item is in progress. */
  async stop(): Promise<void> {
    this.drain();
    this.stopObserving();
    this.stopping.abort(failure('DRAINING', {}));
    await Promise.all(this.working ?? []);
    await this.sweeping;
    await this.endOwnJobs();
    for (const records of this.records.values()) records.close();
  }

  /** Jobs whose queue ends with this process end too. */
  private async endOwnJobs(): Promise<void> {
    const { owner } = this.context.bus;
    if (owner === undefined) return;
    for (const [kind, records] of this.records) {
      for (const { id, record } of await records.list()) {
        if (record.owner === owner && !hasEnded(record.status)) await interrupt(records, kind, id);
      }
    }
  }

  /**
   * Adds a job if the limit allows it. Concurrent calls in this process are counted one after the other; concurrent
   * processes may each add one job beyond the limit.
   *
   * @throws JOBS_FULL
   */
  private async admit<Outcome>(kind: string, add: () => Promise<Outcome>): Promise<Outcome> {
    const admission = (this.admissions.get(kind) ?? Promise.resolve()).then(async () => {
      const { jobLimit } = this.context;
      const jobs = await this.recordsOf(kind).list();
      const open = jobs.filter(({ record }) => !hasEnded(record.status)).length;
      if (open >= jobLimit) throw failure('JOBS_FULL', { kind, limit: jobLimit, retryAfterMilliseconds });
      return add();
    });
    this.admissions.set(
      kind,
      admission.catch(() => undefined),
    );
    return admission;
  }

  private async sweep(): Promise<void> {
    const { bus, store, logger, keepMilliseconds, silenceMilliseconds = 600_000 } = this.context;
    for (const { kind, records } of this.registrations.values()) {
      const context = { kind: kind.name, records, queue: this.queueOf(kind), bus, store };
      await sweep({ ...context, keepMilliseconds, silenceMilliseconds }).catch((error: unknown) => {
        logger.warn({ err: error, kind: kind.name }, 'jobs could not be swept');
      });
    }
  }

  private recordsOf(kind: string): JobRecords {
    const records = this.records.get(kind) ?? new JobRecords(this.context.bus, kind);
    this.records.set(kind, records);
    return records;
  }

  private queueOf(kind: Pick<AnyKind, 'name' | 'queue'>): JobQueue {
    return this.context.bus.workQueue<JobItem>(queueName(kind));
  }
}

function queueName({ name, queue = name }: Pick<AnyKind, 'name' | 'queue'>): string {
  return `jobs-${queue}`;
}
