import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { failure, serializeError, toHyperswapError } from '@hyperswap/errors';
import type { Events, WorkItem } from '@hyperswap/messaging';
import type { ObjectStore } from '@hyperswap/storage';
import { instruments, traceOf, withSpan, type Logger } from '@hyperswap/telemetry';
import type { Activity } from './activity.js';
import { itemName, jobItemSchema, publishNextPart, publishParts, type JobItem, type JobQueue } from './items.js';
import type { Job, JobContext, JobHandler, JobKind } from './job-kind.js';
import { hasAllParts, triesOf, withStatus, withTry, type JobRecord } from './job-record.js';
import type { JobRecords } from './job-records.js';
import { endOf, hasEnded } from './job-status.js';
import { jobObjects, resultKey } from './objects.js';
import { hasPart, withPart } from './parts.js';
import { progressSubject, Reporter } from './reporter.js';
import { jittered, judge, maximumLosses, type Verdict } from './retry-policy.js';

/** Delay of a worker after an item that it could not process at all. */
const restMilliseconds = 1_000;
/** Delay before an item of an unknown kind, for example of another version, is delivered again. */
const unknownKindMilliseconds = 30_000;

/** Kind with its registered handler. */
export interface Registration {
  readonly kind: JobKind<unknown, unknown, unknown>;
  readonly handler: JobHandler<unknown, unknown, unknown>;
  readonly records: JobRecords;
}

export interface WorkerContext {
  readonly queue: JobQueue;
  readonly registrations: ReadonlyMap<string, Registration>;
  readonly events: Events;
  readonly store: ObjectStore;
  readonly logger: Logger;
  readonly leaseMilliseconds: number;
  /** Counts the items in progress. */
  readonly activity: Activity;
  /** Longest delay before a retry. */
  readonly retryMilliseconds: number;
  /** Items in progress in this process, by kind. */
  readonly busy: Map<string, number>;
  /** Aborted when this process takes no more items. */
  readonly draining: AbortSignal;
  /** Aborted when it returns its items to the queue. */
  readonly stopping: AbortSignal;
}

/** Item in progress. */
interface Attempt extends Registration {
  readonly item: WorkItem<JobItem>;
  readonly id: string;
  readonly job: Job<unknown>;
  /** Name of this attempt in the record of a job in one piece. */
  readonly holder: string;
}

/** Processes items of one queue, one after the other, until it is stopped. */
export class JobWorker {
  constructor(private readonly context: WorkerContext) {}

  async work(): Promise<void> {
    const { queue, draining, logger, activity } = this.context;
    for (;;) {
      const item = await queue.pull(draining);
      if (item === undefined) return;
      const rest = await activity
        .during(() => this.handle(item))
        .catch((error: unknown) => {
          // Its lease expires, and the queue delivers it again.
          logger.error({ err: error, ...item.content }, 'an item of work could not be handled');
          return jittered(restMilliseconds);
        });
      if (rest === 0) continue;
      await sleep(rest, undefined, { signal: draining, ref: false }).catch(() => undefined);
    }
  }

  /** @returns delay in milliseconds; 0 when all went well */
  private async handle(item: WorkItem<JobItem>): Promise<number> {
    if (!jobItemSchema.safeParse(item.content).success) {
      this.context.logger.error({ content: item.content }, 'an item of work is none, and is taken away');
      await item.acknowledge();
      return 0;
    }
    const { kind: kindName, job: id, round, part } = item.content;
    const registration = this.context.registrations.get(kindName);
    if (registration === undefined) {
      await item.giveBack(jittered(unknownKindMilliseconds));
      return jittered(restMilliseconds);
    }
    this.count(kindName, 1);
    // The lease is renewed while the handler is busy, because the engine has its own thread.
    const heartbeat = setInterval(() => {
      item.working().catch(() => undefined);
    }, this.context.leaseMilliseconds / 3);
    try {
      const record = await registration.records.get(id);
      if (record === undefined) {
        await item.acknowledge();
        return 0;
      }
      const request = registration.kind.request.decode(Buffer.from(record.request, 'base64'));
      const job = { id, request, objects: jobObjects(kindName, id) };
      const attempt = { ...registration, item, id, job, holder: randomUUID() };
      if (record.round !== round || hasEnded(record.status)) {
        await this.passOver(attempt, record);
        return 0;
      }
      const attributes = { job: id, deliveries: item.deliveries, ...(part === undefined ? {} : { part }) };
      const parent = traceOf(item.content.traceparent);
      return await withSpan(`job ${kindName}`, { kind: 'consumer', parent, attributes }, async () => {
        if (record.parts === undefined) return this.doWhole(attempt);
        return part === undefined ? this.cut(attempt) : this.doPart(attempt, part, record);
      });
    } finally {
      this.count(kindName, -1);
      clearInterval(heartbeat);
    }
  }

  private count(kind: string, change: 1 | -1): void {
    const { busy } = this.context;
    busy.set(kind, (busy.get(kind) ?? 0) + change);
  }

  /** Drops an item whose job continues without it. */
  private async passOver({ handler, job, item }: Attempt, record: JobRecord): Promise<void> {
    const { part } = item.content;
    const end = endOf(record.status);
    // The part belongs to a result, or to a job that may be queued again, unless the job was cancelled or deleted.
    if (part !== undefined && end === 'cancelled') await handler.clear?.(job, end, part);
    await item.acknowledge();
  }

  private async doWhole(attempt: Attempt): Promise<number> {
    const { records, id, item, handler, job, kind, holder } = attempt;
    const superseding = new AbortController();
    const look = (record: JobRecord): void => {
      if (record.status.state === 'cancelling' || hasEnded(record.status) || !isHolder(record, attempt)) {
        superseding.abort(failure('CANCELLED', { what: `The ${kind.name}` }));
      }
    };
    const taken = await records.change(id, (record) =>
      hasEnded(record.status) || record.round !== item.content.round
        ? record
        : {
            ...record,
            holder,
            attempts: record.attempts + 1,
            startedAt: record.startedAt ?? Date.now(),
            status: record.status.state === 'queued' ? { state: 'running', since: Date.now() } : record.status,
          },
    );
    if (!isHolder(taken, attempt)) {
      await this.passOver(attempt, taken);
      return 0;
    }
    const stopListening = records.listen(id, look);
    try {
      // Changes before this listener was added are not missed.
      look(await records.find(id));
      return await this.attempt(attempt, taken, superseding.signal, async (context) => {
        superseding.signal.throwIfAborted();
        await this.finish(attempt, await handler.run(job, context));
      });
    } finally {
      stopListening();
    }
  }

  /** Publishes the parts of a job. Repeating this is harmless. */
  private async cut({ kind, records, id, item }: Attempt): Promise<number> {
    const record = await records.get(id);
    if (record !== undefined) await publishParts(this.context.queue, kind.name, { id, record });
    await records.change(id, (current) =>
      current.status.state === 'queued'
        ? withStatus(
            { ...current, startedAt: current.startedAt ?? Date.now(), attempts: current.attempts + 1 },
            { state: 'running', since: Date.now() },
          )
        : current,
    );
    await item.acknowledge();
    return 0;
  }

  private async doPart(attempt: Attempt, part: number, record: JobRecord): Promise<number> {
    const { records, id, item, handler, job, kind } = attempt;
    const superseding = new AbortController();
    const stopListening = records.listen(id, ({ status, round }) => {
      if (hasEnded(status) || round !== item.content.round) {
        superseding.abort(failure('CANCELLED', { what: `The ${kind.name}` }));
      }
    });
    try {
      return await this.attempt(attempt, record, superseding.signal, async (context) => {
        if (!hasPart(record.parts!.finished, part)) await handler.runPart!(job, part, context);
        const now = await records.change(id, (current) =>
          hasEnded(current.status) || current.round !== item.content.round || hasPart(current.parts!.finished, part)
            ? current
            : {
                ...withStatus(current, { state: 'running', since: current.status.since }),
                parts: { ...current.parts!, finished: withPart(current.parts!.finished, part) },
              },
        );
        if (hasEnded(now.status) || now.round !== item.content.round) await this.passOver(attempt, now);
        else if (hasAllParts(now)) await this.finish(attempt, await handler.run(job, context));
        else {
          await publishNextPart(this.context.queue, kind.name, { id, record: now }, part);
          await item.acknowledge();
        }
      });
    } finally {
      stopListening();
    }
  }

  /** Runs the work of an item and handles its errors. @returns delay in milliseconds */
  private async attempt(
    attempt: Attempt,
    record: JobRecord,
    superseded: AbortSignal,
    work: (context: JobContext<unknown>) => Promise<void>,
  ): Promise<number> {
    const { events, stopping } = this.context;
    const { kind, id, item, records } = attempt;
    const { failures, returns } = triesOf(record, itemName(item.content));
    const losses = item.deliveries - 1 - failures - returns;
    if (losses >= maximumLosses) {
      await this.fail(attempt, failure('JOB_LOST', { kind: kind.name, job: id, times: losses }));
      return 0;
    }
    const reporter = new Reporter(kind.progress, {
      tell: (progress) => events.publish(progressSubject(kind.name, id), progress),
      keep: async (progress) => {
        await records.change(id, (current) => (isHolder(current, attempt) ? { ...current, progress } : current));
      },
    });
    try {
      await work({
        signal: AbortSignal.any([superseded, stopping]),
        report: (progress) => reporter.report(progress),
        isRepeated: item.deliveries > 1 || item.content.round > 0,
      });
      return 0;
    } catch (error) {
      return await this.judgeAttempt(attempt, error, failures);
    } finally {
      reporter.close();
    }
  }

  /** @returns delay in milliseconds */
  private async judgeAttempt(attempt: Attempt, thrown: unknown, failures: number): Promise<number> {
    const { records, id, item, kind } = attempt;
    const { logger, stopping } = this.context;
    const record = await records.get(id);
    if (record === undefined || hasEnded(record.status) || record.round !== item.content.round) {
      if (record !== undefined) await this.passOver(attempt, record);
      else await item.acknowledge();
      return 0;
    }
    // Another worker has the item: this process paused until its lease expired.
    if (!isHolder(record, attempt)) return 0;
    const error = toHyperswapError(thrown);
    if (record.status.state === 'cancelling' || (error.code === 'CANCELLED' && !stopping.aborted)) {
      await this.end(attempt, (current) => withStatus(current, { state: 'cancelled', since: Date.now() }));
      return 0;
    }
    const judged: Verdict = stopping.aborted
      ? { verdict: 'return', delayMilliseconds: 0, restMilliseconds: 0 }
      : judge(error, failures, this.context.retryMilliseconds);
    logger.warn({ err: error, kind: kind.name, job: id, item: itemName(item.content), ...judged }, 'an attempt failed');
    instruments().jobAttempts.add(1, { kind: kind.name, code: error.code });
    if (judged.verdict === 'fail') {
      await this.fail(attempt, error);
      return judged.restMilliseconds;
    }
    const outcome = judged.verdict === 'retry' ? 'failures' : 'returns';
    // A full queue or an ending process is not a fault of the job.
    const reason = judged.verdict === 'retry' ? error : undefined;
    await records.change(id, (current) =>
      hasEnded(current.status) || !isHolder(current, attempt)
        ? current
        : withTry(waitingAgain(current, reason), itemName(item.content), outcome),
    );
    await item.giveBack(judged.delayMilliseconds);
    return judged.restMilliseconds;
  }

  private async finish(attempt: Attempt, result: unknown): Promise<void> {
    const { kind, id } = attempt;
    await this.context.store.put(resultKey(kind.name, id), kind.result.encode(result).finish());
    await this.end(attempt, (record) => withStatus(record, { state: 'done', since: Date.now() }));
  }

  private async fail(attempt: Attempt, error: Error): Promise<void> {
    const reason = serializeError(error);
    await this.end(attempt, (record) => withStatus(record, { state: 'failed', since: Date.now(), reason }));
  }

  /** Ends a job, unless another worker has it, cleans up and acknowledges its item. */
  private async end(attempt: Attempt, next: (record: JobRecord) => JobRecord): Promise<void> {
    const { records, id, item, handler, job, kind } = attempt;
    // Two workers can finish the last parts at once: one of them ends the job.
    const change = { isOurs: false };
    const ended = await records.change(id, (record) => {
      const wanted = isHolder(record, attempt) ? next(record) : record;
      change.isOurs = wanted !== record;
      return wanted;
    });
    const end = endOf(ended.status);
    if (end !== undefined) {
      if (change.isOurs) {
        this.context.logger.info({ kind: kind.name, job: id, state: end }, 'job ended');
        instruments().jobsEnded.add(1, { kind: kind.name, state: end });
      }
      if (end !== 'failed' || ended.parts === undefined) await handler.clear?.(job, end);
    }
    await item.acknowledge();
  }
}

/** Returns true if an attempt still has its job; no single worker holds parts. */
function isHolder({ parts, holder, round }: JobRecord, attempt: Pick<Attempt, 'item' | 'holder'>): boolean {
  return round === attempt.item.content.round && (parts !== undefined || holder === attempt.holder);
}

/**
 * Returns a record after an attempt that is followed by another: a job in one piece waits again, one with parts runs
 * on.
 */
function waitingAgain(record: JobRecord, error: Error | undefined): JobRecord {
  const reason = error && { reason: serializeError(error) };
  if (record.parts === undefined) return withStatus(record, { state: 'queued', since: Date.now(), ...reason });
  return error === undefined ? record : withStatus(record, { state: 'running', since: record.status.since, ...reason });
}
