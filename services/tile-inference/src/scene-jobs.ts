import { randomUUID } from 'node:crypto';
import { failure } from '@hyperswap/errors';
import { startSweeper, type KeyValue } from '@hyperswap/messaging';
import type { ClassifySceneRequest, ClassifySceneResponse, SceneJob as SceneJobMessage } from '@hyperswap/proto';
import { toAdapterVersion, type AdapterRegistry } from '@hyperswap/registry';
import { follow, type CallContext } from '@hyperswap/rpc';
import { maximumTileSide, PreparedScene } from '@hyperswap/scene';
import { ChunkWorkers, type ChunkWorkersContext } from './chunk-workers.js';
import {
  changeRunning,
  chunkCount,
  chunksQueue,
  deleteChunks,
  ended,
  endOf,
  finishedCount,
  jobPrefix,
  jobsBucket,
  mapKey,
  newSceneJob,
  toSceneJobMessage,
  type Chunk,
  type SceneJob,
} from './scene-job.js';

const defaultChunkSize = 64;

export interface SceneJobsContext extends ChunkWorkersContext {
  readonly registry: AdapterRegistry;
  /** Jobs that ended are kept so long, with their maps. */
  readonly keepMilliseconds: number;
}

/**
 * Whole scenes as jobs, cut into chunks that any process may classify. What is known of a job is shared state: the process that was asked may
 * die, and any other tells how the job goes.
 */
export class SceneJobs {
  private readonly jobs: KeyValue<SceneJob>;
  private readonly workers: ChunkWorkers;
  /** Of jobs that are watched here. */
  private readonly watchers = new Map<string, Set<(job: SceneJob) => void>>();
  private readonly unwatch: () => void;
  private readonly stopSweeper: () => Promise<void>;
  private isDraining = false;

  constructor(private readonly context: SceneJobsContext) {
    this.jobs = context.bus.keyValue<SceneJob>(jobsBucket);
    this.unwatch = this.jobs.watch(({ key, value }) => {
      for (const watcher of this.watchers.get(key) ?? []) watcher(value);
    });
    this.workers = new ChunkWorkers(context);
    const { store, logger, keepMilliseconds } = context;
    // Jobs that ended long ago, and those of processes that took their queue with them.
    this.stopSweeper = startSweeper({
      state: this.jobs,
      isOld: ({ changedAt }) => changedAt + keepMilliseconds <= Date.now(),
      clear: async (id) => {
        for (const { key } of await store.list(jobPrefix(id))) await store.delete(key);
      },
      onError: (error) => logger.warn({ err: error }, 'old scene jobs could not be cleared away'),
    });
  }

  /**
   * Starts a job and tells how it goes. When the client leaves, the job is cancelled, unless it is detached.
   *
   * @throws SCENE_NOT_FOUND, ADAPTER_NOT_FOUND, ADAPTER_RETIRED, PCA_MISMATCH, FIELD_INVALID, and what the job failed with
   */
  async *classify(request: ClassifySceneRequest, call: CallContext): AsyncGenerator<ClassifySceneResponse> {
    const start = performance.now();
    const id = await this.start(request);
    try {
      yield* this.watch(id, call, start);
    } finally {
      // A process that drains leaves its jobs to the others, if there are any.
      const isLeft = this.isDraining && this.context.bus.owner === undefined;
      if (call.signal.aborted && !request.detached && !isLeft) {
        await this.cancel(id).catch((error: unknown) => {
          this.context.logger.warn({ err: error, job: id }, 'a scene job could not be cancelled');
        });
      }
    }
  }

  /**
   * How a job goes, to its end and map.
   *
   * @param start `performance.now()` of when it was asked for, if that was here: clocks of several machines tell less
   * @throws JOB_NOT_FOUND, CANCELLED, and what the job failed with
   */
  async *watch(id: string, { signal }: CallContext, start?: number): AsyncGenerator<ClassifySceneResponse> {
    let last = -1;
    const source = { look: () => this.find(id), listen: (onNews: (job: SceneJob) => void) => this.listen(id, onNews) };
    for await (const job of follow(source, signal)) {
      if (job.state === 'failed' || job.state === 'cancelled') throw endOf(job);
      const done = finishedCount(job);
      if (done > last) {
        yield { event: { $case: 'progress', value: { job: id, doneChunks: done, totalChunks: chunkCount(job) } } };
        last = done;
      }
      if (job.state === 'done') {
        yield { event: { $case: 'map', value: await this.map(id, job, start) } };
        return;
      }
    }
  }

  /** Ends a job that is running; one that has ended stays as it is. @throws JOB_NOT_FOUND */
  async cancel(id: string): Promise<void> {
    const job = await changeRunning(this.jobs, id, (current) => ended(current, 'cancelled'));
    if (job.state !== 'cancelled') return;
    await deleteChunks(this.context.store, id, job);
  }

  /** The jobs there are, the oldest first. */
  async list(): Promise<SceneJobMessage[]> {
    const jobs = (await this.jobs.list()).sort((a, b) => a.value.startedAt - b.value.startedAt);
    return jobs.map(({ key, value }) => toSceneJobMessage(key, value));
  }

  /** From now on, clients that are cut off do not take their jobs with them. */
  drain(): void {
    this.isDraining = true;
  }

  async stop(): Promise<void> {
    await this.stopSweeper();
    this.unwatch();
    await this.workers.stop();
  }

  /** One watch of the shared state serves all that are watched here. */
  private listen(id: string, onNews: (job: SceneJob) => void): () => void {
    const watchers = this.watchers.get(id) ?? new Set();
    this.watchers.set(id, watchers.add(onNews));
    return () => {
      watchers.delete(onNews);
      if (watchers.size === 0) this.watchers.delete(id);
    };
  }

  private async start({ scene: name, adapter: reference, chunkSize }: ClassifySceneRequest): Promise<string> {
    const { store, bus, registry } = this.context;
    if (chunkSize > maximumTileSide) {
      throw failure('FIELD_INVALID', { field: 'chunk_size', reason: `${chunkSize} is more than ${maximumTileSide}` });
    }
    const { height, width, pcaDigest } = (await PreparedScene.open(store, name)).manifest;
    const admitted = await registry.admit(reference);
    const { metadata } = await registry.resolve(admitted.reference);
    if (metadata.pcaDigest !== pcaDigest) {
      throw failure('PCA_MISMATCH', { adapter: admitted.reference, scene: name });
    }
    const id = randomUUID();
    const side = chunkSize === 0 ? defaultChunkSize : chunkSize;
    const job = newSceneJob({ scene: name, adapter: admitted.reference, height, width, chunkSize: side });
    await this.jobs.update(id, job, 0);
    // Cut by whoever takes it, so that a process that dies now leaves no half of it.
    await bus.workQueue<Chunk>(chunksQueue).publish({ job: id }, id);
    return id;
  }

  private async find(id: string): Promise<SceneJob> {
    const job = (await this.jobs.get(id))?.value;
    if (job === undefined) throw failure('JOB_NOT_FOUND', { kind: 'classification', job: id });
    return job;
  }

  private async map(id: string, { height, width, adapter, startedAt, changedAt }: SceneJob, start?: number) {
    const { store, registry } = this.context;
    const bytes = await store.get(mapKey(id));
    const pixels = height * width;
    return {
      job: id,
      height,
      width,
      labels: bytes.subarray(0, pixels),
      confidence: bytes.subarray(pixels),
      adapter: toAdapterVersion(await registry.resolve(adapter)),
      seconds: Math.max(0, start === undefined ? changedAt - startedAt : performance.now() - start) / 1000,
    };
  }
}
