import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { failure, serializeError, throwIfAborted, type SerializedError, HyperswapError } from '@hyperswap/errors';
import type { Bus, WorkItem } from '@hyperswap/messaging';
import type { ClassifySceneRequest, ClassifySceneResponse } from '@hyperswap/proto';
import { toAdapterVersion, type AdapterRegistry } from '@hyperswap/registry';
import type { CallContext } from '@hyperswap/rpc';
import { maximumTileSide, PreparedScene, type Window } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import type { Logger } from '@hyperswap/telemetry';
import type { BindingTable } from './binding-table.js';
import type { PatchQueue } from './patch-queue.js';

/** One work item: a window of a scene's map. Doing it twice writes the same bytes twice. */
interface Chunk {
  readonly job: string;
  readonly scene: string;
  /** `name@7`: resolved when the job was admitted, so that all chunks run the same version. */
  readonly adapter: string;
  readonly window: Window;
  /** Where labels and then confidence go, one byte a pixel each. */
  readonly resultKey: string;
}

/** What workers say of a chunk. */
interface ChunkReport {
  readonly resultKey: string;
  readonly error?: SerializedError;
}

const queueName = 'scene-chunks';
const defaultChunkSize = 64;
/** A chunk that fails this often fails its job. */
const maximumDeliveries = 3;
/** What is said of chunks can be lost while the bus is away: so often their results are looked for. */
const lookMilliseconds = 2_000;
/** Chunks a process works on at once: one in the engine while the next is read. */
const workers = 2;

export interface SceneJobsContext {
  readonly store: ObjectStore;
  readonly bus: Bus;
  readonly registry: AdapterRegistry;
  readonly bindings: BindingTable;
  readonly queue: PatchQueue;
  readonly logger: Logger;
  /** Of work items. */
  readonly leaseMilliseconds: number;
}

/** Whole scenes, cut into chunks that any process may classify. */
export class SceneJobs {
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>[];

  constructor(private readonly context: SceneJobsContext) {
    this.running = Array.from({ length: workers }, () => this.work());
  }

  /** Runs a job and tells how far it is; its intermediate results are removed when it ends, however it ends. */
  async *classify(
    { scene: name, adapter: reference, chunkSize }: ClassifySceneRequest,
    { signal }: CallContext,
  ): AsyncGenerator<ClassifySceneResponse> {
    const { store, bus, registry } = this.context;
    if (chunkSize > maximumTileSide) {
      throw failure('FIELD_INVALID', { field: 'chunk_size', reason: `${chunkSize} is more than ${maximumTileSide}` });
    }
    const start = performance.now();
    const scene = await PreparedScene.open(store, name);
    const { height, width, pcaDigest } = scene.manifest;
    const admitted = await registry.admit(reference);
    const record = await registry.resolve(admitted.reference);
    if (record.metadata.pcaDigest !== pcaDigest) {
      throw failure('PCA_MISMATCH', { adapter: admitted.reference, scene: name });
    }
    const job = randomUUID();
    const chunks = cut(height, width, chunkSize === 0 ? defaultChunkSize : chunkSize).map((window, index): Chunk => ({
      job,
      scene: name,
      adapter: admitted.reference,
      window,
      resultKey: `jobs/${job}/${index}`,
    }));
    const done = new Set<string>();
    let failed: SerializedError | undefined;
    let wake: () => void = () => undefined;
    const unsubscribe = bus.events.subscribe(`job.${job}`, (content) => {
      const report = content as ChunkReport;
      if (report.error === undefined) done.add(report.resultKey);
      else failed ??= report.error;
      wake();
    });
    const onAbort = (): void => {
      wake();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const chunkQueue = bus.workQueue<Chunk>(queueName);
      for (const chunk of chunks) await chunkQueue.publish(chunk, chunk.resultKey);
      let told = -1;
      while (done.size < chunks.length) {
        throwIfAborted(signal, 'Classifying the scene');
        if (failed !== undefined) throw new HyperswapError(failed.code, failed.message);
        if (done.size === told) {
          const said = new Promise<boolean>((resolve) => (wake = () => resolve(true)));
          const quiet = sleep(lookMilliseconds, false, { ref: false });
          if (!(await Promise.race([said, quiet]))) {
            for (const { key } of await store.list(`jobs/${job}/`)) done.add(key);
          }
          continue;
        }
        told = done.size;
        yield { event: { $case: 'progress', value: { job, doneChunks: told, totalChunks: chunks.length } } };
      }
      const map = await this.assemble(chunks, height, width);
      const adapter = toAdapterVersion(record);
      const seconds = (performance.now() - start) / 1000;
      yield { event: { $case: 'map', value: { job, height, width, ...map, adapter, seconds } } };
    } finally {
      signal.removeEventListener('abort', onAbort);
      unsubscribe();
      await this.clearAway(job, chunks);
    }
  }

  /** Lets workers pass over what is left of a job, and removes its results; the map is not lost when that fails. */
  private async clearAway(job: string, chunks: readonly Chunk[]): Promise<void> {
    const { bus, store, logger } = this.context;
    try {
      await bus.keyValue<true>('ended-jobs').update(job, true, 0);
      for (const { resultKey } of chunks) await store.delete(resultKey);
    } catch (error) {
      logger.warn({ err: error, job }, 'results of a scene job could not be cleared away');
    }
  }

  /** Stops taking chunks; those under way are given back or finish. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.running);
  }

  private async assemble(chunks: readonly Chunk[], height: number, width: number) {
    const labels = Buffer.alloc(height * width);
    const confidence = Buffer.alloc(height * width);
    for (const { window, resultKey } of chunks) {
      const result = await this.context.store.get(resultKey);
      const pixels = window.height * window.width;
      for (let row = 0; row < window.height; row++) {
        const target = (window.row + row) * width + window.column;
        const source = row * window.width;
        labels.set(result.subarray(source, source + window.width), target);
        confidence.set(result.subarray(pixels + source, pixels + source + window.width), target);
      }
    }
    return { labels, confidence };
  }

  private async work(): Promise<void> {
    const { bus, logger } = this.context;
    const queue = bus.workQueue<Chunk>(queueName);
    for (;;) {
      const item = await queue.pull(this.stopping.signal);
      if (item === undefined) return;
      await this.handle(item).catch((error: unknown) => {
        logger.error({ err: error, job: item.content.job }, 'a chunk could not be handled');
      });
    }
  }

  private async handle(item: WorkItem<Chunk>): Promise<void> {
    const { bus, logger } = this.context;
    const { job, resultKey } = item.content;
    if (await this.hasEnded(job)) {
      await item.acknowledge();
      return;
    }
    const heartbeat = setInterval(() => void item.working(), this.context.leaseMilliseconds / 3);
    try {
      await this.classifyChunk(item.content);
      // A worker that stood still may write when the job is long over and cleared away.
      if (await this.hasEnded(job)) await this.context.store.delete(resultKey);
      await bus.events.publish(`job.${job}`, { resultKey } satisfies ChunkReport);
      await item.acknowledge();
    } catch (error) {
      logger.warn({ err: error, job, deliveries: item.deliveries }, 'a chunk failed');
      const hopeless = error instanceof HyperswapError && !error.retryable;
      if (!this.stopping.signal.aborted && (hopeless || item.deliveries >= maximumDeliveries)) {
        const serialized = serializeError(error);
        await bus.events.publish(`job.${job}`, { resultKey, error: serialized } satisfies ChunkReport);
        await item.reject(serialized.message);
      } else {
        await item.giveBack();
      }
    } finally {
      clearInterval(heartbeat);
    }
  }

  private async hasEnded(job: string): Promise<boolean> {
    return (await this.context.bus.keyValue<true>('ended-jobs').get(job)) !== undefined;
  }

  private async classifyChunk({ scene: name, adapter: reference, window, resultKey }: Chunk): Promise<void> {
    const { store, bindings, queue } = this.context;
    const adapter = await bindings.acquire(reference);
    try {
      const scene = await PreparedScene.open(store, name);
      const halo = adapter.metadata.patchSize >> 1;
      const scores = await scene.readWindow(window, halo);
      const { labels, confidence } = await queue.classify(
        {
          adapter,
          pixels: scores.buffer as ArrayBuffer,
          pixelType: 'float32',
          bands: adapter.components,
          raw: false,
          height: window.height,
          width: window.width,
          halo,
        },
        this.stopping.signal,
      );
      await store.put(resultKey, Buffer.concat([labels, confidence]));
    } finally {
      bindings.release(adapter);
    }
  }
}

function cut(height: number, width: number, side: number): Window[] {
  const windows: Window[] = [];
  for (let row = 0; row < height; row += side)
    for (let column = 0; column < width; column += side)
      windows.push({ row, column, height: Math.min(side, height - row), width: Math.min(side, width - column) });
  return windows;
}
