import { randomUUID } from 'node:crypto';
import { failure, HyperswapError, serializeError, toHyperswapError, type SerializedError } from '@hyperswap/errors';
import {
  changeValue,
  type Bus,
  type KeyValue,
  type Revisioned,
  type WorkItem,
  type WorkQueue,
} from '@hyperswap/messaging';
import {
  StartPretrainingRequest,
  StartTrainingRequest,
  TrainingState,
  WatchTrainingResponse,
  type Training,
  type TrainingProgress,
} from '@hyperswap/proto';
import { ResponseQueue } from '@hyperswap/rpc';
import type { ObjectStore } from '@hyperswap/storage';
import type { Logger } from '@hyperswap/telemetry';

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
}

export interface RunContext {
  readonly signal: AbortSignal;
  readonly report: (progress: TrainingProgress) => void;
  /** Whether an earlier attempt may have left a checkpoint to go on from. */
  readonly isRepeated: boolean;
}

/** Does what is to be done, and returns the last thing that watchers are told. */
export type Run = (request: TrainingRequest, context: RunContext) => Promise<WatchTrainingResponse>;

export interface TrainingsContext {
  readonly store: ObjectStore;
  readonly bus: Bus;
  readonly logger: Logger;
  /** Of work items. */
  readonly leaseMilliseconds: number;
}

const states: Readonly<Record<Job['state'], TrainingState>> = {
  queued: TrainingState.TRAINING_STATE_QUEUED,
  running: TrainingState.TRAINING_STATE_RUNNING,
  cancelling: TrainingState.TRAINING_STATE_RUNNING,
  done: TrainingState.TRAINING_STATE_DONE,
  failed: TrainingState.TRAINING_STATE_FAILED,
  cancelled: TrainingState.TRAINING_STATE_CANCELLED,
};
/** A training that fails this often for passing reasons is given up. */
const maximumDeliveries = 3;
/** What is told of a training can be lost while the bus is away: so often its state is looked at. */
const lookMilliseconds = 2_000;

/**
 * Trainings as work items: any trainer takes the next one, a killed trainer's comes back to another, which goes on at the last checkpoint. State is
 * shared, progress is told to whoever listens, results are objects.
 */
export class Trainings {
  private readonly stopping = new AbortController();
  private readonly jobs: KeyValue<Job>;
  private readonly queue: WorkQueue<{ readonly training: string }>;
  private working: Promise<void> | undefined;

  constructor(
    private readonly context: TrainingsContext,
    private readonly run: Run,
  ) {
    this.jobs = context.bus.keyValue<Job>('trainings');
    this.queue = context.bus.workQueue<{ readonly training: string }>('trainings');
  }

  /** Takes work from now on. */
  begin(): void {
    this.working ??= this.work();
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
    await this.jobs.update(training, { ...subject, kind: given.kind, request, state: 'queued' }, 0);
    await this.queue.publish({ training }, training);
    return training;
  }

  /** What a training tells from now on, and how it ended. @throws TRAINING_NOT_FOUND, and what the training failed with */
  async *watch(training: string, signal: AbortSignal): AsyncGenerator<WatchTrainingResponse> {
    const { bus, store } = this.context;
    await this.find(training);
    const told = new ResponseQueue<WatchTrainingResponse>();
    const look = async (): Promise<void> => {
      const { state, error } = (await this.find(training)).value;
      if (state === 'done') {
        told.push(WatchTrainingResponse.decode(await store.get(resultKey(training))));
        told.end();
      } else if (state === 'failed' || state === 'cancelled') {
        const { code, message } = error ?? serializeError(failure('CANCELLED', { what: 'The training' }));
        told.fail(new HyperswapError(code, message));
      }
    };
    const lookSafely = (): void => {
      look().catch((error: unknown) => {
        told.fail(error);
      });
    };
    const unsubscribe = bus.events.subscribe(`training.${training}`, (content) => {
      if (content === 'ended') lookSafely();
      else told.push({ event: { $case: 'progress', value: content as TrainingProgress } });
    });
    const timer = setInterval(lookSafely, lookMilliseconds);
    const leave = (): void => {
      told.end();
    };
    signal.addEventListener('abort', leave, { once: true });
    lookSafely();
    try {
      yield* told;
    } finally {
      clearInterval(timer);
      unsubscribe();
      signal.removeEventListener('abort', leave);
    }
  }

  /** @throws TRAINING_NOT_FOUND */
  async cancel(training: string): Promise<void> {
    const changed = await this.change(training, (job) => {
      if (job.state === 'queued') return { ...job, state: 'cancelled' };
      return job.state === 'running' ? { ...job, state: 'cancelling' } : job;
    });
    if (changed.state === 'cancelled') await this.context.bus.events.publish(`training.${training}`, 'ended');
  }

  async list(): Promise<Training[]> {
    return (await this.jobs.list()).map(({ key, value: { adapter, scene, method, state, error } }) => ({
      training: key,
      adapter,
      scene,
      method,
      state: states[state],
      error: error?.message ?? '',
    }));
  }

  /** Gives back what is under way, and waits for it to end. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.working;
  }

  private async find(training: string): Promise<Revisioned<Job>> {
    const job = await this.jobs.get(training);
    if (job === undefined) throw failure('TRAINING_NOT_FOUND', { training });
    return job;
  }

  /** @throws TRAINING_NOT_FOUND */
  private async change(training: string, next: (job: Job) => Job): Promise<Job> {
    return changeValue(this.jobs, training, (job) => {
      if (job === undefined) throw failure('TRAINING_NOT_FOUND', { training });
      return next(job);
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
      await store.put(resultKey(training), WatchTrainingResponse.encode(result).finish());
      await this.end(training, { state: 'done' });
      await item.acknowledge();
      logger.info({ training, adapter: started.adapter }, 'training done');
    } catch (error) {
      // Nobody takes it over where the queue ends with this process.
      const isOurs = this.stopping.signal.aborted && !cancellation.signal.aborted && this.context.bus.outlivesProcess;
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

function toRequest({ kind, request }: Job): TrainingRequest {
  const message = Buffer.from(request, 'base64');
  return kind === 'training'
    ? { kind, request: StartTrainingRequest.decode(message) }
    : { kind, request: StartPretrainingRequest.decode(message) };
}

function resultKey(training: string): string {
  return `trainings/results/${training}`;
}
