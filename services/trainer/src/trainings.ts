import { randomUUID } from 'node:crypto';
import { failure, toHyperswapError, type HyperswapError } from '@hyperswap/errors';
import { TrainingState, type Training, type TrainingProgress, type WatchTrainingResponse } from '@hyperswap/proto';
import type { Logger } from '@hyperswap/telemetry';

/** What a training is for, for lists. */
export interface TrainingSubject {
  readonly adapter: string;
  readonly scene: string;
  readonly method: string;
}

type Run = (signal: AbortSignal, report: (progress: TrainingProgress) => void) => Promise<WatchTrainingResponse>;

interface Job extends TrainingSubject {
  readonly id: string;
  readonly cancellation: AbortController;
  state: TrainingState;
  error: HyperswapError | undefined;
  /** The last progress of each stage and epoch, then the result: what a watcher that comes late gets. */
  readonly events: WatchTrainingResponse[];
  readonly watchers: Set<() => void>;
}

/** Ended trainings that are remembered. */
const remembered = 100;

/** The trainings of this process: one runs, the others wait their turn. */
export class Trainings {
  private readonly jobs = new Map<string, Job>();
  private turn: Promise<void> = Promise.resolve();

  constructor(private readonly logger: Logger) {}

  /** Queues a training. @returns its id */
  start(subject: TrainingSubject, run: Run): string {
    const job: Job = {
      ...subject,
      id: randomUUID(),
      cancellation: new AbortController(),
      state: TrainingState.TRAINING_STATE_QUEUED,
      error: undefined,
      events: [],
      watchers: new Set(),
    };
    this.jobs.set(job.id, job);
    this.turn = this.turn.then(() => this.run(job, run));
    return job.id;
  }

  /** All that a training tells, from its start. @throws TRAINING_NOT_FOUND, and what the training failed with */
  async *watch(id: string, signal: AbortSignal): AsyncGenerator<WatchTrainingResponse> {
    const job = this.find(id);
    let told = 0;
    let wake = (): void => undefined;
    signal.addEventListener('abort', () => wake());
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
        job.watchers.add(resolve);
      });
      while (told < job.events.length) yield job.events[told++]!;
      if (job.error !== undefined) throw job.error;
      if (job.state === TrainingState.TRAINING_STATE_DONE || signal.aborted) return;
      await changed;
    }
  }

  /** @throws TRAINING_NOT_FOUND */
  cancel(id: string): void {
    this.find(id).cancellation.abort();
  }

  list(): Training[] {
    return [...this.jobs.values()].map(({ id, adapter, scene, method, state, error }) => ({
      training: id,
      adapter,
      scene,
      method,
      state,
      error: error?.message ?? '',
    }));
  }

  /** Cancels all and waits for them to end. */
  async stop(): Promise<void> {
    for (const { cancellation } of this.jobs.values()) cancellation.abort();
    await this.turn;
  }

  private find(id: string): Job {
    const job = this.jobs.get(id);
    if (job === undefined) throw failure('TRAINING_NOT_FOUND', { training: id });
    return job;
  }

  private async run(job: Job, run: Run): Promise<void> {
    const { id: training, cancellation } = job;
    try {
      if (cancellation.signal.aborted) throw failure('CANCELLED', { what: 'The training' });
      job.state = TrainingState.TRAINING_STATE_RUNNING;
      const result = await run(cancellation.signal, (progress) => {
        this.tell(job, { event: { $case: 'progress', value: progress } });
      });
      job.state = TrainingState.TRAINING_STATE_DONE;
      this.tell(job, result);
      this.logger.info({ training, adapter: job.adapter }, 'training done');
    } catch (error) {
      job.error = toHyperswapError(error);
      const cancelled = job.error.code === 'CANCELLED';
      job.state = cancelled ? TrainingState.TRAINING_STATE_CANCELLED : TrainingState.TRAINING_STATE_FAILED;
      this.logger.warn({ training, err: error }, 'training ended without a result');
      this.wake(job);
    }
    const ended = [...this.jobs.keys()].slice(0, Math.max(0, this.jobs.size - remembered));
    for (const id of ended) this.jobs.delete(id);
  }

  private tell(job: Job, event: WatchTrainingResponse): void {
    job.events.push(event);
    this.wake(job);
  }

  private wake(job: Job): void {
    for (const wake of job.watchers) wake();
    job.watchers.clear();
  }
}
