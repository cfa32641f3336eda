import { randomUUID } from 'node:crypto';
import { failure } from '@hyperswap/errors';
import { startSweeper, type KeyValue } from '@hyperswap/messaging';
import type {
  ClassifySceneRequest,
  ClassifySceneResponse,
  ListSceneJobsResponse,
  SceneJob as SceneJobMessage,
  WatchSceneJobResponse,
} from '@hyperswap/proto';
import { toAdapterVersion, type AdapterRegistry } from '@hyperswap/registry';
import { follow, newestFirstKey, pageOf, type CallContext, type PageRequest } from '@hyperswap/rpc';
import { maximumTileSide, PreparedScene } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
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
  newSceneJob,
  toSceneJobMessage,
  type Chunk,
  type SceneJob,
} from './scene-job.js';

const defaultChunkSize = 64;
/** Chunks of a job: each is a work item and an object. */
const maximumChunks = 16_384;

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

  /** Store of scenes and maps. */
  get store(): ObjectStore {
    return this.context.store;
  }

  /**
   * Starts a job and reports its progress. When the client leaves, the job is cancelled, unless it is detached.
   *
   * @throws SCENE_NOT_FOUND, ADAPTER_NOT_FOUND, ADAPTER_RETIRED, PCA_MISMATCH, FIELD_INVALID, and what the job failed with
   */
  async *classify(request: ClassifySceneRequest, call: CallContext): AsyncGenerator<ClassifySceneResponse> {
    const id = await this.start(request);
    try {
      yield { event: { $case: 'accepted', value: await this.message(id, await this.find(id)) } };
      yield* this.watch(id, call);
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
   * Reports the progress of a job, and its end.
   *
   * @throws JOB_NOT_FOUND, CANCELLED, and what the job failed with
   */
  async *watch(id: string, { signal }: CallContext): AsyncGenerator<WatchSceneJobResponse> {
    let last = -1;
    const source = { look: () => this.find(id), listen: (onNews: (job: SceneJob) => void) => this.listen(id, onNews) };
    for await (const job of follow(source, signal)) {
      if (job.state === 'failed' || job.state === 'cancelled') throw endOf(job);
      const done = finishedCount(job);
      if (done > last) {
        yield { event: { $case: 'progress', value: { stage: 'classifying', done, total: chunkCount(job) } } };
        last = done;
      }
      if (job.state === 'done') {
        yield { event: { $case: 'done', value: await this.message(id, job) } };
        return;
      }
    }
  }

  /** A job that is done. @throws JOB_NOT_FOUND, JOB_NOT_DONE */
  async findDone(id: string): Promise<SceneJob> {
    const job = await this.find(id);
    if (job.state !== 'done') throw failure('JOB_NOT_DONE', { kind: 'scene job', job: id, state: job.state });
    return job;
  }

  /** Names of the classes of a job's adapter, from 1 on. @throws ADAPTER_NOT_FOUND */
  async classNames({ adapter }: SceneJob): Promise<string[]> {
    const { metadata } = await this.context.registry.resolve(adapter);
    return metadata.classes.map(({ name }) => name);
  }

  /** Ends a job that is running; one that has ended stays as it is. @throws JOB_NOT_FOUND */
  async cancel(id: string): Promise<void> {
    const job = await changeRunning(this.jobs, id, (current) => ended(current, 'cancelled'));
    if (job.state !== 'cancelled') return;
    await deleteChunks(this.context.store, id, job);
  }

  /** A page of all jobs, the newest first. @throws FIELD_INVALID */
  async list(request: PageRequest): Promise<ListSceneJobsResponse> {
    const jobs = await this.jobs.list();
    const { page, nextPageToken } = pageOf(jobs, ({ key, value }) => newestFirstKey(value.startedAt, key), request);
    return { jobs: await Promise.all(page.map(({ key, value }) => this.message(key, value))), nextPageToken };
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

  private async start({
    scene: name,
    adapter: reference,
    chunkSize,
    probabilities,
  }: ClassifySceneRequest): Promise<string> {
    const { store, bus, registry } = this.context;
    if (chunkSize > maximumTileSide) {
      throw failure('FIELD_INVALID', { field: 'chunk_size', reason: `${chunkSize} is more than ${maximumTileSide}` });
    }
    const { height, width, pcaDigest, sourceDigest } = (await PreparedScene.open(store, name)).manifest;
    const admitted = await registry.admit(reference);
    const { metadata } = await registry.resolve(admitted.reference);
    if (metadata.pcaDigest !== pcaDigest) {
      throw failure('PCA_MISMATCH', { adapter: admitted.reference, scene: name });
    }
    const id = randomUUID();
    const side = chunkSize === 0 ? defaultChunkSize : chunkSize;
    const job = newSceneJob({
      scene: name,
      sceneDigest: sourceDigest,
      adapter: admitted.reference,
      classes: metadata.classes.length,
      probabilities,
      height,
      width,
      chunkSize: side,
    });
    if (chunkCount(job) > maximumChunks) {
      const reason = `${side} cuts the scene of ${height} × ${width} pixels into ${chunkCount(job)} chunks, more than ${maximumChunks}`;
      throw failure('FIELD_INVALID', { field: 'chunk_size', reason });
    }
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

  private async message(id: string, job: SceneJob): Promise<SceneJobMessage> {
    return toSceneJobMessage(id, job, toAdapterVersion(await this.context.registry.resolve(job.adapter)));
  }
}
