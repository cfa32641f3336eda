import { HyperswapError } from '@hyperswap/errors';
import { toJobStatus, type Job, type JobContext, type JobRunner, type JobView } from '@hyperswap/jobs';
import {
  Training,
  type ListTrainingsResponse,
  type ReadPredictionsResponse,
  type StartPretrainingRequest,
  type StartTrainingRequest,
  type TrainingProgress as TrainingProgressMessage,
  type WatchTrainingResponse,
} from '@hyperswap/proto';
import { newestFirstKey, pageOf, type PageRequest } from '@hyperswap/rpc';
import type { ObjectStore } from '@hyperswap/storage';
import { predictionsKey, readPredictions, writePredictions } from './predictions.js';
import { pretrainingKind, trainingKind } from './training-kinds.js';
import { toProgressMessage, type TrainingProgress } from './training-progress.js';
import type { TrainingOutcome } from './training-result.js';

/** Request of a training or a pretraining. */
export type TrainingRequest =
  | { readonly kind: 'training'; readonly request: StartTrainingRequest }
  | { readonly kind: 'pretraining'; readonly request: StartPretrainingRequest };

export interface RunContext {
  readonly signal: AbortSignal;
  readonly report: (progress: TrainingProgress) => void;
  /** True if an earlier attempt may have left a checkpoint to resume from. */
  readonly isRepeated: boolean;
}

/** Runs a training and returns its result. */
export type Run = (request: TrainingRequest, context: RunContext) => Promise<TrainingOutcome>;

/**
 * Trainings and pretrainings as jobs. Any trainer takes the next one. If a trainer is killed, its training returns to
 * the queue, and another trainer resumes it at the last checkpoint.
 */
export class Trainings {
  constructor(
    private readonly runner: JobRunner,
    private readonly store: ObjectStore,
    run: Run,
  ) {
    runner.register(trainingKind, {
      run: (job, context) => this.perform(job, context, (own) => run({ kind: 'training', request: job.request }, own)),
    });
    runner.register(pretrainingKind, {
      run: (job, context) =>
        this.perform(job, context, (own) => run({ kind: 'pretraining', request: job.request }, own)),
    });
  }

  /** Queues a training. @returns its id @throws JOBS_FULL, DRAINING, FIELD_INVALID */
  start(given: TrainingRequest): Promise<string> {
    return given.kind === 'training'
      ? this.runner.start(trainingKind, given.request)
      : this.runner.start(pretrainingKind, given.request);
  }

  /** Follows a training to its end. @throws JOB_NOT_FOUND, CANCELLED, DRAINING, and the error of a failed training */
  async *watch(training: string, signal: AbortSignal): AsyncGenerator<WatchTrainingResponse> {
    let isProgressTold = false;
    const news =
      (await this.find(training)).kind === trainingKind.name
        ? this.runner.watch(trainingKind, training, signal)
        : this.runner.watch(pretrainingKind, training, signal);
    for await (const one of news) {
      if (one.news === 'result') yield one.result;
      else {
        // A watcher that joins late gets the progress so far from the status.
        const progress = one.news === 'progress' ? one.progress : isProgressTold ? undefined : one.job.progress;
        if (progress === undefined) continue;
        isProgressTold = true;
        yield { event: { $case: 'progress', value: progress } };
      }
    }
  }

  /** @throws JOB_NOT_FOUND */
  async cancel(training: string): Promise<void> {
    const { kind } = await this.find(training);
    await this.runner.cancel(kind === trainingKind.name ? trainingKind : pretrainingKind, training);
  }

  /** Returns a page of all trainings and pretrainings, the newest first. @throws FIELD_INVALID */
  async list(request: PageRequest): Promise<ListTrainingsResponse> {
    const trainings = [
      ...(await this.runner.list(trainingKind)).map(trainingMessage),
      ...(await this.runner.list(pretrainingKind)).map(pretrainingMessage),
    ];
    const listing = { keyOf, toMessage: (training: Training) => training, codec: Training };
    const { page, nextPageToken } = await pageOf(trainings, listing, request);
    return { trainings: [...page], nextPageToken };
  }

  /**
   * Returns the predictions of a training in pieces.
   *
   * @throws JOB_NOT_FOUND, JOB_NOT_DONE, OBJECT_NOT_FOUND when it made none
   */
  async *predictions(training: string): AsyncGenerator<ReadPredictionsResponse> {
    const { objects } = await this.runner.getDone(trainingKind, training);
    yield* readPredictions(this.store, predictionsKey(objects));
  }

  private async perform(
    job: Job<unknown>,
    { signal, isRepeated, report }: JobContext<TrainingProgressMessage>,
    run: (context: RunContext) => Promise<TrainingOutcome>,
  ): Promise<WatchTrainingResponse> {
    const told = (progress: TrainingProgress): void => report(toProgressMessage(progress));
    const { response, predictions } = await run({ signal, isRepeated, report: told });
    if (predictions !== undefined) await writePredictions(this.store, predictionsKey(job.objects), predictions);
    return response;
  }

  /** Finds a training or a pretraining. @throws JOB_NOT_FOUND */
  private async find(training: string): Promise<JobView<unknown>> {
    try {
      return await this.runner.get(trainingKind, training);
    } catch (error) {
      if (!HyperswapError.is(error, 'JOB_NOT_FOUND')) throw error;
      return await this.runner.get(pretrainingKind, training).catch((cause: unknown) => {
        throw HyperswapError.is(cause, 'JOB_NOT_FOUND') ? error : cause;
      });
    }
  }
}

function keyOf({ status }: Training): string {
  return newestFirstKey(status!.createdAt!.getTime(), status!.job);
}

function trainingMessage(job: JobView<StartTrainingRequest, TrainingProgressMessage>): Training {
  const { adapter, scene, method } = job.request;
  return { status: toJobStatus(job, job.progress?.progress), adapter, scene, method };
}

function pretrainingMessage(job: JobView<StartPretrainingRequest, TrainingProgressMessage>): Training {
  const { backbone, scenes } = job.request;
  const status = toJobStatus(job, job.progress?.progress);
  return { status, adapter: backbone, scene: scenes.join(' '), method: 'pretraining' };
}
