import { randomUUID } from 'node:crypto';
import { failure, restoreError, serializeError, toHyperswapError, type SerializedError } from '@hyperswap/errors';
import {
  changeValue,
  startSweeper,
  type Bus,
  type KeyValue,
  type Revisioned,
  type WorkItem,
  type WorkQueue,
} from '@hyperswap/messaging';
import {
  StartPretrainingRequest,
  StartTrainingRequest,
  JobKind,
  JobState,
  WatchTrainingResponse,
  type ListTrainingsResponse,
  type Training,
} from '@hyperswap/proto';
import { follow, newestFirstKey, pageOf, toErrorStatus, type PageRequest } from '@hyperswap/rpc';
import type { ObjectStore } from '@hyperswap/storage';
import type { Logger } from '@hyperswap/telemetry';
import { predictionsKey, writePredictions } from './predictions.js';
import { toProgressMessage, type TrainingProgress } from './training-progress.js';
import type { TrainingOutcome } from './training-result.js';

/** What is to be done. */
export type TrainingRequest =
  | { readonly kind: 'training'; readonly request: StartTrainingRequest }
  | { readonly kind: 'pretraining'; readonly request: StartPretrainingRequest };

/** What all processes know of a training. */
interface Job {
  readonly adapter: string;
  readonly scene: string;
  readonly method: string;
  readonly kind: TrainingRequest['kind'];
  /** The request's protobuf message in base64. */
  readonly request: string;
  readonly state: 'queued' | 'running' | 'cancelling' | 'done' | 'failed' | 'cancelled';
  readonly error?: SerializedError;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly changedAt: number;
}

export interface RunContext {
  readonly signal: AbortSignal;
  readonly report: (progress: TrainingProgress) => void;
  /** Whether an earlier attempt may have left a checkpoint to go on from. */
  readonly isRepeated: boolean;
}

/** Runs a training, and returns its result. */
export type Run = (request: TrainingRequest, context: RunContext) => Promise<TrainingOutcome>;

export interface TrainingsContext {
  readonly store: ObjectStore;
  readonly bus: Bus;
  readonly logger: Logger;
  /** Of work items. */
  readonly leaseMilliseconds: number;
  /** Trainings that ended are kept so long; what they made stays. */
  readonly keepMilliseconds: number;
}

const states: Readonly<Record<Job['state'], JobState>> = {
  queued: JobState.JOB_STATE_QUEUED,
  running: JobState.JOB_STATE_RUNNING,
  cancelling: JobState.JOB_STATE_CANCELLING,
  done: JobState.JOB_STATE_DONE,
  failed: JobState.JOB_STATE_FAILED,
  cancelled: JobState.JOB_STATE_CANCELLED,
};
const endStates: ReadonlySet<Job['state']> = new Set(['done', 'failed', 'cancelled']);
/** A training that fails this often for passing reasons is given up. */
const maximumDeliveries = 3;

/**
 * Trainings as work items: any trainer takes the next one, a killed trainer's comes back to another, which goes on at the last checkpoint. State is
 * shared, progress is told to whoever listens, results are objects.
 */
export class Trainings {
  private readonly stopping = new AbortController();
  private readonly jobs: KeyValue<Job>;
  private readonly queue: WorkQueue<{ readonly training: string }>;
  private working: Promise<void> | undefined;
  private stopSweeper: (() => Promise<void>) | undefined;

  constructor(
    private readonly context: TrainingsContext,
    private readonly run: Run,
  ) {
    this.jobs = context.bus.keyValue<Job>('trainings');
    this.queue = context.bus.workQueue<{ readonly training: string }>('trainings');
  }

  /** Takes work from now on, and clears away trainings that ended long ago. */
  begin(): void {
    if (this.working !== undefined) return;
    this.working = this.work();
    const { store, logger, keepMilliseconds } = this.context;
    this.stopSweeper = startSweeper({
      state: this.jobs,
      isOld: ({ state, changedAt }) => endStates.has(state) && changedAt + keepMilliseconds <= Date.now(),
      clear: async (training) => {
        await store.delete(predictionsKey(training));
        await store.delete(resultKey(training));
      },
      onError: (error) => logger.warn({ err: error }, 'old trainings could not be cleared away'),
    });
  }

  /** Queues a training. @returns its id */
  async start(given: TrainingRequest): Promise<string> {
    const training = randomUUID();
    const subject =
      given.kind === 'training'
        ? { adapter: given.request.adapter, scene: given.request.scene, method: given.request.method }
        : { adapter: given.request.backbone, scene: given.request.scenes.join(' '), method: 'pretraining' };
    const message =
      given.kind === 'training'
        ? StartTrainingRequest.encode(given.request)
        : StartPretrainingRequest.encode(given.request);
    const request = Buffer.from(message.finish()).toString('base64');
    await this.jobs.update(
      training,
      { ...subject, kind: given.kind, request, state: 'queued', createdAt: Date.now(), changedAt: Date.now() },
      0,
    );
    await this.queue.publish({ training }, training);
    return training;
  }

  /** What a training tells from now on, and how it ended. @throws JOB_NOT_FOUND, and what the training failed with */
  async *watch(training: string, signal: AbortSignal): AsyncGenerator<WatchTrainingResponse> {
    const { bus, store } = this.context;
    const look = async (): Promise<WatchTrainingResponse | undefined> => {
      const { state, error } = (await this.find(training)).value;
      if (state === 'done') return WatchTrainingResponse.decode(await store.get(resultKey(training)));
      if (!endStates.has(state)) return undefined;
      throw error === undefined ? failure('CANCELLED', { what: 'The training' }) : restoreError(error);
    };
    const listen = (onNews: (news?: WatchTrainingResponse) => void): (() => void) =>
      bus.events.subscribe(`training.${training}`, (content) => {
        if (content === 'ended') onNews();
        else onNews({ event: { $case: 'progress', value: toProgressMessage(content as TrainingProgress) } });
      });
    for await (const news of follow({ look, listen }, signal)) {
      yield news;
      if (news.event?.$case !== 'progress') return;
    }
  }

  /** @throws JOB_NOT_FOUND */
  async cancel(training: string): Promise<void> {
    const changed = await this.change(training, (job) => {
      if (job.state === 'queued') return { ...job, state: 'cancelled' };
      return job.state === 'running' ? { ...job, state: 'cancelling' } : job;
    });
    if (changed.state === 'cancelled') await this.context.bus.events.publish(`training.${training}`, 'ended');
  }

  /** A page of all trainings, the newest first. @throws FIELD_INVALID */
  async list(request: PageRequest): Promise<ListTrainingsResponse> {
    const jobs = await this.jobs.list();
    const { page, nextPageToken } = pageOf(jobs, ({ key, value }) => newestFirstKey(value.createdAt, key), request);
    return { trainings: page.map(({ key, value }) => toMessage(key, value)), nextPageToken };
  }

  /** Gives back what is under way, and waits for it to end. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.stopSweeper?.();
    await this.working;
  }

  private async find(training: string): Promise<Revisioned<Job>> {
    const job = await this.jobs.get(training);
    if (job === undefined) throw failure('JOB_NOT_FOUND', { kind: 'training', job: training });
    return job;
  }

  /** @throws JOB_NOT_FOUND */
  private async change(training: string, next: (job: Job) => Job): Promise<Job> {
    return changeValue(this.jobs, training, (job) => {
      if (job === undefined) throw failure('JOB_NOT_FOUND', { kind: 'training', job: training });
      const changed = next(job);
      return changed === job ? job : { ...changed, changedAt: Date.now() };
    });
  }

  private async work(): Promise<void> {
    for (;;) {
      const item = await this.queue.pull(this.stopping.signal);
      if (item === undefined) return;
      await this.handle(item).catch((error: unknown) => {
        this.context.logger.error({ err: error, ...item.content }, 'a training could not be handled');
      });
    }
  }

  private async handle(item: WorkItem<{ readonly training: string }>): Promise<void> {
    const { store, logger, leaseMilliseconds } = this.context;
    const { training } = item.content;
    if ((await this.jobs.get(training)) === undefined) {
      // Cancelled while it waited, and cleared away since.
      await item.acknowledge();
      return;
    }
    const started = await this.change(training, (job) => (job.state === 'queued' ? { ...job, state: 'running' } : job));
    if (started.state !== 'running') {
      if (started.state === 'cancelling') await this.end(training, { state: 'cancelled' });
      await item.acknowledge();
      return;
    }
    const cancellation = new AbortController();
    const unwatch = this.jobs.watch(({ key, value }) => {
      if (key === training && value.state === 'cancelling') cancellation.abort();
    });
    // Signs of life go on while the engine is busy: it has a thread of its own.
    const heartbeat = setInterval(() => void item.working(), leaseMilliseconds / 3);
    try {
      const signal = AbortSignal.any([cancellation.signal, this.stopping.signal]);
      const result = await this.run(toRequest(started), {
        signal,
        isRepeated: item.deliveries > 1,
        report: (progress) => void this.context.bus.events.publish(`training.${training}`, progress),
      });
      if (result.predictions !== undefined) await writePredictions(store, training, result.predictions);
      await store.put(resultKey(training), WatchTrainingResponse.encode(result.response).finish());
      await this.end(training, { state: 'done' });
      await item.acknowledge();
      logger.info({ training, adapter: started.adapter }, 'training done');
    } catch (error) {
      // Nobody takes it over where the queue ends with this process.
      const isOurs =
        this.stopping.signal.aborted && !cancellation.signal.aborted && this.context.bus.owner === undefined;
      const failed = toHyperswapError(error);
      logger.warn({ training, err: error, deliveries: item.deliveries }, 'training ended without a result');
      if (isOurs || (failed.retryable && !cancellation.signal.aborted && item.deliveries < maximumDeliveries)) {
        await this.change(training, (job) => (job.state === 'running' ? { ...job, state: 'queued' } : job));
        await item.giveBack();
        return;
      }
      const state = failed.code === 'CANCELLED' ? 'cancelled' : 'failed';
      await this.end(training, { state, error: serializeError(failed) });
      if (state === 'failed') await item.reject(failed.message);
      else await item.acknowledge();
    } finally {
      clearInterval(heartbeat);
      unwatch();
    }
  }

  private async end(training: string, outcome: Pick<Job, 'state' | 'error'>): Promise<void> {
    await this.change(training, (job) => ({ ...job, ...outcome }));
    await this.context.bus.events.publish(`training.${training}`, 'ended');
  }
}

function toMessage(training: string, job: Job): Training {
  const { adapter, scene, method, state, error, createdAt, changedAt } = job;
  return {
    status: {
      job: training,
      kind: job.kind === 'training' ? JobKind.JOB_KIND_TRAINING : JobKind.JOB_KIND_PRETRAINING,
      state: states[state],
      progress: undefined,
      error: error && toErrorStatus(restoreError(error)),
      createdAt: new Date(createdAt),
      startedAt: undefined,
      endedAt: endStates.has(state) ? new Date(changedAt) : undefined,
      attempts: 1,
    },
    adapter,
    scene,
    method,
  };
}

function toRequest({ kind, request }: Job): TrainingRequest {
  const message = Buffer.from(request, 'base64');
  return kind === 'training'
    ? { kind, request: StartTrainingRequest.decode(message) }
    : { kind, request: StartPretrainingRequest.decode(message) };
}

function resultKey(training: string): string {
  return `trainings/results/${training}`;
}
