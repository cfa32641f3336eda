import { failure, throwIfAborted } from '@hyperswap/errors';
import { activeTrace, instruments, recordSpan, withSpan, type Trace } from '@hyperswap/telemetry';
import { FairQueue } from './fair-queue.js';
import type { Flow, FlowKind } from './flow.js';
import { MemoryBudget, type Account, type Reservation, type Size } from './memory-budget.js';
import { Throughput } from './throughput.js';
import type { Batch, Part, Work } from './work.js';

export interface SchedulerLimits {
  /** Cost of a full batch. */
  readonly batchCost: number;
  /** Bound of one flow. */
  readonly flow: Size;
  /** Bound of all flows together. */
  readonly sum: Size;
}

/** One flow's part of what all may hold. */
const flowShare = { patches: 1 / 32, bytes: 1 / 8 };

/**
 * Returns limits in which a stream keeps the engine busy, and none needs more.
 *
 * @param batchCost cost of a full batch
 * @param sum what all flows may hold
 */
export function schedulerLimits(batchCost: number, sum: Size): SchedulerLimits {
  const flow = {
    patches: Math.max(1, Math.floor(sum.patches * flowShare.patches)),
    bytes: Math.floor(sum.bytes * flowShare.bytes),
  };
  return { batchCost, flow, sum };
}

export interface BatchOptions {
  /** Aborted when no caller waits for any part of the batch. */
  readonly signal: AbortSignal;
  /** The batch may run between two blocks of a batch that has begun, before others that wait. */
  readonly urgent: boolean;
}

/** Runs a batch and keeps its results in the work of each part. */
export type BatchRunner<W extends Work> = (parts: readonly Part<W>[], options: BatchOptions) => Promise<void>;

/** Times of a piece of work in milliseconds. */
export interface WorkTimes {
  /** From its arrival to its first batch. */
  readonly queued: number;
  /** From its first batch to its end. */
  readonly engine: number;
}

/** Work between its arrival and its end. */
interface Entry<W extends Work> {
  readonly work: W;
  readonly flow: Flow<W>;
  readonly reservation: Reservation;
  /** Place of the work in a trace. */
  readonly trace: Trace;
  readonly arrivedAt: number;
  startedAt: number | undefined;
  done: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A batch in the engine. */
interface Running<W extends Work> {
  /** Entries of the batch that a caller still waits for. */
  readonly awaited: Set<Entry<W>>;
  readonly controller: AbortController;
  readonly brief: boolean;
  readonly urgent: boolean;
}

/**
 * Batches in the engine at once, beside one that is urgent: one runs, one waits behind it, so that the engine never
 * waits for this thread.
 */
const batchesInFlight = 2;

/** Runs the work of all flows in the engine, batch by batch, in the order of the fair queue. */
export class PatchScheduler<W extends Work> {
  private readonly queue: FairQueue<W>;
  private readonly budget: MemoryBudget;
  private readonly entries = new Map<W, Entry<W>>();
  private readonly running = new Set<Running<W>>();
  private readonly throughput = new Throughput();
  /** Patches that wait or run, by class of flow. */
  private readonly waiting: Record<FlowKind, number> = { interactive: 0, job: 0 };
  private classified = 0;
  /**
   * An ordinary batch has ended since the last urgent one: small tiles that come one after another leave half of the
   * engine to the others.
   */
  private mayPass = true;

  constructor(
    private readonly runBatch: BatchRunner<W>,
    { batchCost, flow, sum }: SchedulerLimits,
  ) {
    this.queue = new FairQueue(batchCost);
    this.budget = new MemoryBudget(flow, sum);
  }

  /** Patches that wait or run. */
  get waitingPatches(): number {
    return this.waiting.interactive + this.waiting.job;
  }

  /** Patches that wait or run, by class of flow. */
  get waitingByFlow(): Readonly<Record<FlowKind, number>> {
    return { ...this.waiting };
  }

  /** Bytes that are reserved for work that waits or runs, and for results that no client has taken. */
  get reservedBytes(): number {
    return this.budget.used.bytes;
  }

  /** Patches classified since the start. */
  get classifiedPatches(): number {
    return this.classified;
  }

  /** Returns a flow for the work of one client. It needs no closing. */
  flow(kind: FlowKind): ScheduledFlow<W> {
    return new ScheduledFlow(this, this.queue.flow(kind), this.budget.account());
  }

  /** @throws QUEUE_FULL with the time after which there may be room */
  refuse(flow: FlowKind): never {
    instruments().refused.add(1, { flow });
    const { patches, bytes } = this.budget.used;
    const { limit } = this.budget;
    const isBytes = bytes / limit.bytes > patches / limit.patches;
    throw failure('QUEUE_FULL', {
      waiting: isBytes ? bytes : this.waitingPatches,
      limit: isBytes ? limit.bytes : limit.patches,
      unit: isBytes ? 'bytes' : 'patches',
      retryAfterMilliseconds: this.throughput.millisecondsFor(this.waitingPatches),
    });
  }

  /**
   * Runs work to its end. Its reservation gives back patches as they are classified; the caller releases the rest.
   *
   * @throws CANCELLED, DEADLINE at once when the signal is aborted, and errors of the engine
   */
  async run(flow: Flow<W>, work: W, reservation: Reservation, signal: AbortSignal): Promise<WorkTimes> {
    throwIfAborted(signal, 'Classifying patches');
    const since = performance.now();
    let entry: Entry<W> | undefined;
    const giveUp = (): void => entry?.reject(signal.reason);
    this.waiting[flow.kind] += work.patches;
    try {
      await new Promise<void>((resolve, reject) => {
        const trace = activeTrace();
        entry = { work, flow, reservation, trace, arrivedAt: since, startedAt: undefined, done: 0, resolve, reject };
        this.entries.set(work, entry);
        this.queue.add(flow, work);
        signal.addEventListener('abort', giveUp, { once: true });
        this.dispatch();
      });
      const startedAt = entry!.startedAt ?? since;
      instruments().queued.record((startedAt - since) / 1000, { flow: flow.kind });
      instruments().patches.add(work.patches, { flow: flow.kind });
      return { queued: startedAt - since, engine: performance.now() - startedAt };
    } catch (error) {
      throwIfAborted(signal, 'Classifying patches');
      throw error;
    } finally {
      signal.removeEventListener('abort', giveUp);
      this.waiting[flow.kind] -= work.patches - entry!.done;
      this.leave(entry!);
    }
  }

  /** Removes an entry that no caller waits for any more: it is done or abandoned. */
  private leave(entry: Entry<W>): void {
    this.entries.delete(entry.work);
    this.queue.remove(entry.flow, entry.work);
    for (const { awaited, controller } of this.running) {
      awaited.delete(entry);
      if (awaited.size === 0) controller.abort(failure('CANCELLED', { what: 'A batch that nobody waits for' }));
    }
  }

  private dispatch(): void {
    const ordinary = [...this.running].filter(({ urgent }) => !urgent);
    // A brief batch gains nothing if another one runs.
    if (this.mayPass && ordinary.length > 0 && ordinary.every(({ brief }) => !brief)) {
      const batch = this.queue.cutBrief();
      if (batch !== undefined) {
        this.mayPass = false;
        void this.execute(batch, true);
      }
    }
    for (let free = batchesInFlight - ordinary.length; free > 0; free--) {
      const batch = this.queue.cut();
      if (batch === undefined) return;
      void this.execute(batch, false);
    }
  }

  private async execute({ parts, reason, brief }: Batch<W>, urgent: boolean): Promise<void> {
    const entries = parts.map(({ work }) => this.entries.get(work)!);
    const running = { awaited: new Set(entries), controller: new AbortController(), brief, urgent };
    this.running.add(running);
    const { batches, batchPatches, batchSeconds } = instruments();
    const patches = parts.reduce((sum, { count }) => sum + count, 0);
    batches.add(1, { cut: reason });
    batchPatches.record(patches);
    const now = performance.now();
    for (const entry of entries) this.begin(entry, now);
    // A batch belongs to the trace of its first part, and is linked to those of the others.
    const [parent, ...links] = entries.map(({ trace }) => trace);
    const settings = { parent: parent!, links, attributes: { patches, cut: reason, urgent } };
    try {
      const { signal } = running.controller;
      await withSpan('batch', settings, () => this.runBatch(parts, { signal, urgent }));
      batchSeconds.record((performance.now() - now) / 1000);
      this.running.delete(running);
      for (const [place, { count }] of parts.entries()) this.count(entries[place]!, count);
      this.throughput.add(patches);
    } catch (error) {
      this.running.delete(running);
      for (const entry of running.awaited) entry.reject(error);
    } finally {
      if (!urgent) this.mayPass = true;
      this.dispatch();
    }
  }

  /** A batch takes patches of an entry. @param now milliseconds of `performance` */
  private begin(entry: Entry<W>, now: number): void {
    if (entry.startedAt !== undefined) return;
    entry.startedAt = now;
    recordSpan('queue', entry.trace, performance.timeOrigin + entry.arrivedAt, performance.timeOrigin + now);
  }

  /** Some patches of an entry are classified. */
  private count(entry: Entry<W>, count: number): void {
    this.classified += count;
    // An abandoned entry is no longer counted.
    if (!this.entries.has(entry.work)) return;
    entry.done += count;
    this.waiting[entry.flow.kind] -= count;
    entry.reservation.keepPatches(entry.work.patches - entry.done);
    if (entry.done === entry.work.patches) entry.resolve();
  }
}

/** Flow of one client: it reserves room, then runs its work. */
export class ScheduledFlow<W extends Work> {
  constructor(
    private readonly scheduler: PatchScheduler<W>,
    private readonly flow: Flow<W>,
    private readonly account: Account,
  ) {}

  /**
   * Reserves room as soon as there is some: a stream waits here, and is not read further.
   *
   * @throws CANCELLED, DEADLINE
   */
  reserve(size: Size, signal: AbortSignal): Promise<Reservation> {
    return this.account.reserve(size, signal);
  }

  /** Reserves room now. @throws QUEUE_FULL */
  reserveNow(size: Size): Reservation {
    return this.account.tryReserve(size) ?? this.scheduler.refuse(this.flow.kind);
  }

  /**
   * Runs work to its end, as {@link PatchScheduler.run} does.
   *
   * @throws CANCELLED, DEADLINE, and errors of the engine
   */
  run(work: W, reservation: Reservation, signal: AbortSignal): Promise<WorkTimes> {
    return this.scheduler.run(this.flow, work, reservation, signal);
  }
}
