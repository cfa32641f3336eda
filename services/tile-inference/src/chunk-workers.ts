import { setTimeout as sleep } from 'node:timers/promises';
import { HyperswapError, serializeError } from '@hyperswap/errors';
import type { Bus, KeyValue, WorkItem } from '@hyperswap/messaging';
import { PreparedScene } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import type { Logger } from '@hyperswap/telemetry';
import type { BindingTable } from './binding-table.js';
import type { PatchQueue } from './patch-queue.js';
import {
  changeRunning,
  chunkCount,
  chunkKey,
  chunksQueue,
  chunkWindow,
  deleteChunks,
  ended,
  finishedCount,
  isFinished,
  jobsBucket,
  withFinished,
  type Chunk,
  type SceneJob,
} from './scene-job.js';

/** A chunk that fails this often fails its job. */
const maximumDeliveries = 5;
/** After a failure a worker rests, so that a process that can do nothing leaves its work to others. */
const restMilliseconds = 1_000;
/** Chunks a process works on at once: one in the engine while the next is read. */
const workers = 2;

export interface ChunkWorkersContext {
  readonly store: ObjectStore;
  readonly bus: Bus;
  readonly bindings: BindingTable;
  readonly queue: PatchQueue;
  readonly logger: Logger;
  /** Of work items. */
  readonly leaseMilliseconds: number;
}

/** Takes chunks of scene jobs, any job's, from the work queue. Who finishes the last one ends the job; its map is read out of the chunks. */
export class ChunkWorkers {
  private readonly stopping = new AbortController();
  private readonly jobs: KeyValue<SceneJob>;
  private readonly running: Promise<void>[];

  constructor(private readonly context: ChunkWorkersContext) {
    this.jobs = context.bus.keyValue<SceneJob>(jobsBucket);
    this.running = Array.from({ length: workers }, () => this.work());
  }

  /** Stops taking chunks; those under way are given back or finish. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.running);
  }

  private async work(): Promise<void> {
    const { bus, logger } = this.context;
    const queue = bus.workQueue<Chunk>(chunksQueue);
    for (;;) {
      const item = await queue.pull(this.stopping.signal);
      if (item === undefined) return;
      const hasFailed = await this.handle(item).catch((error: unknown) => {
        logger.error({ err: error, ...item.content }, 'a chunk could not be handled');
        return true;
      });
      if (!hasFailed) continue;
      const { signal } = this.stopping;
      await sleep(restMilliseconds * (0.5 + Math.random()), undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** @returns whether it failed */
  private async handle(item: WorkItem<Chunk>): Promise<boolean> {
    const { logger, leaseMilliseconds } = this.context;
    const { job, index } = item.content;
    const heartbeat = setInterval(() => void item.working(), leaseMilliseconds / 3);
    try {
      const record = (await this.jobs.get(job))?.value;
      if (record?.state !== 'running') {
        await this.passOver(item);
        return false;
      }
      if (index === undefined) {
        await this.cut(job, record);
        await item.acknowledge();
        return false;
      }
      if (!isFinished(record, index)) await this.classify(record, job, index);
      const now = await changeRunning(this.jobs, job, (current) => withFinished(current, index));
      if (now.state !== 'running') {
        await this.passOver(item);
        return false;
      }
      if (finishedCount(now) === chunkCount(now)) {
        await changeRunning(this.jobs, job, (current) => ended(current, 'done'));
      }
      await item.acknowledge();
      return false;
    } catch (error) {
      if ((await this.jobs.get(job))?.value.state !== 'running') {
        await this.passOver(item);
        return false;
      }
      logger.warn({ err: error, job, index, deliveries: item.deliveries }, 'a chunk failed');
      const hopeless = error instanceof HyperswapError && !error.retryable;
      if (!this.stopping.signal.aborted && (hopeless || item.deliveries >= maximumDeliveries)) {
        const serialized = serializeError(error);
        const failed = await changeRunning(this.jobs, job, (current) => ended(current, 'failed', serialized));
        await deleteChunks(this.context.store, job, failed);
        await item.reject(serialized.message);
      } else {
        await item.giveBack();
      }
      return true;
    } finally {
      clearInterval(heartbeat);
    }
  }

  /** A worker that stood still may write when its job is long over: what it wrote is removed. */
  private async passOver(item: WorkItem<Chunk>): Promise<void> {
    const { job, index } = item.content;
    if (index !== undefined) await this.context.store.delete(chunkKey(job, index));
    await item.acknowledge();
  }

  private async cut(job: string, record: SceneJob): Promise<void> {
    const queue = this.context.bus.workQueue<Chunk>(chunksQueue);
    for (let index = 0; index < chunkCount(record); index++) await queue.publish({ job, index }, `${job}.${index}`);
  }

  private async classify(record: SceneJob, job: string, index: number): Promise<void> {
    const { store, bindings, queue } = this.context;
    const window = chunkWindow(record, index);
    const adapter = await bindings.acquire(record.adapter);
    try {
      const scene = await PreparedScene.open(store, record.scene);
      const halo = adapter.metadata.patchSize >> 1;
      const scores = await scene.readWindow(window, halo);
      const { labels, confidence, probabilities } = await queue.classify(
        {
          adapter,
          pixels: scores.buffer as ArrayBuffer,
          pixelType: 'float32',
          bands: adapter.components,
          raw: false,
          height: window.height,
          width: window.width,
          margins: { top: halo, left: halo, bottom: halo, right: halo },
          probabilities: record.probabilities,
        },
        this.stopping.signal,
      );
      await store.put(chunkKey(job, index), Buffer.concat([labels, confidence, probabilities]));
    } finally {
      bindings.release(adapter);
    }
  }
}
