import { failure } from '@hyperswap/errors';
import { hasEnded, maximumParts, toJobStatus, type JobRunner, type JobView } from '@hyperswap/jobs';
import {
  SceneJob as SceneJobMessage,
  SceneJobMode,
  type ClassifySceneRequest,
  type ClassifySceneResponse,
  type ListSceneJobsResponse,
  type WatchSceneJobResponse,
} from '@hyperswap/proto';
import { toAdapterVersion, type AdapterRegistry } from '@hyperswap/registry';
import { newestFirstKey, pageOf, requireKnown, toDuration, type CallContext, type PageRequest } from '@hyperswap/rpc';
import { agreementOf } from '@hyperswap/map';
import { maximumTileSide, PreparedScene } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import type { Logger } from '@hyperswap/telemetry';
import { chunkHandler, chunksAtOnce, type ChunkContext } from './classify-chunk.js';
import { requireDiffusible } from './diffused-map.js';
import { requireSameBands } from './same-bands.js';
import { chunkCount, classificationKind, type SceneJob, type SceneJobResult } from './scene-job.js';

const defaultChunkSize = 64;
/** Agreement of adaptive jobs that name none, and the lowest that a request may name. */
const defaultAgreement = 0.99;
const lowestAgreement = 0.9;

export interface SceneJobsContext extends ChunkContext {
  readonly runner: JobRunner;
  readonly registry: AdapterRegistry;
  readonly logger: Logger;
}

/** Finished job, with the keys of its chunks. */
export interface FinishedJob extends SceneJob {
  /** Beginning of the keys of its chunks. */
  readonly objects: string;
}

/**
 * Classifications of whole scenes as jobs, cut into chunks that any process may classify. Any process reports the
 * progress of any job.
 */
export class SceneJobs {
  private isDraining = false;

  constructor(private readonly context: SceneJobsContext) {
    context.runner.register(classificationKind, chunkHandler(context), { workers: chunksAtOnce });
  }

  /** Store of scenes and maps. */
  get store(): ObjectStore {
    return this.context.store;
  }

  /**
   * Starts a job and reports its progress. When the client leaves, the job is cancelled, unless it is detached.
   *
   * @throws SCENE_NOT_FOUND, SCENE_CHANGED, ADAPTER_NOT_FOUND, ADAPTER_RETIRED, PCA_MISMATCH, ADAPTER_WAVELENGTHS,
   * FIELD_INVALID, JOBS_FULL, DRAINING, and the error of the job
   */
  async *classify(request: ClassifySceneRequest, call: CallContext): AsyncGenerator<ClassifySceneResponse> {
    const { runner, logger } = this.context;
    const id = await this.start(request);
    try {
      yield { event: { $case: 'accepted', value: await this.message(await runner.get(classificationKind, id)) } };
      yield* this.watch(id, call);
    } finally {
      // A draining process ends its calls, and another process continues their jobs.
      if (call.signal.aborted && !request.detached && !this.isDraining) {
        await this.cancel(id).catch((error: unknown) => {
          logger.warn({ err: error, job: id }, 'a classification could not be cancelled');
        });
      }
    }
  }

  /**
   * Reports the progress of a job, and its end.
   *
   * @throws JOB_NOT_FOUND, CANCELLED, DRAINING, and the error of the job
   */
  async *watch(id: string, { signal }: CallContext): AsyncGenerator<WatchSceneJobResponse> {
    let last = -1;
    for await (const news of this.context.runner.watch(classificationKind, id, signal)) {
      if (news.news === 'progress') continue;
      const { done } = news.job.parts!;
      if (done > last) yield { event: { $case: 'progress', value: progressOf(news.job) } };
      last = Math.max(last, done);
      if (news.news === 'result') {
        yield { event: { $case: 'done', value: await this.message(news.job, news.result) } };
      }
    }
  }

  /** Finds a job that is done. @throws JOB_NOT_FOUND, JOB_NOT_DONE */
  async findDone(id: string): Promise<FinishedJob> {
    const { request, objects } = await this.context.runner.getDone(classificationKind, id);
    return { ...request, objects };
  }

  /** Returns the names of the classes of a job's adapter, from 1 on. @throws ADAPTER_NOT_FOUND */
  async classNames({ adapter }: SceneJob): Promise<string[]> {
    const { metadata } = await this.context.registry.resolve(adapter);
    return metadata.classes.map(({ name }) => name);
  }

  /** Ends a job; one that has ended stays as it is. @throws JOB_NOT_FOUND */
  async cancel(id: string): Promise<void> {
    await this.context.runner.cancel(classificationKind, id);
  }

  /** Returns a page of all jobs, the newest first. @throws FIELD_INVALID */
  async list(request: PageRequest): Promise<ListSceneJobsResponse> {
    const jobs = await this.context.runner.list(classificationKind);
    const keyOf = ({ createdAt, id }: JobView<SceneJob>): string => newestFirstKey(createdAt.getTime(), id);
    const toMessage = (job: JobView<SceneJob>): Promise<SceneJobMessage> => this.message(job);
    const { page, nextPageToken } = await pageOf(jobs, { keyOf, toMessage, codec: SceneJobMessage }, request);
    return { jobs: [...page], nextPageToken };
  }

  /** From now on, a disconnect does not cancel the job of a client. */
  drain(): void {
    this.isDraining = true;
  }

  private async start(request: ClassifySceneRequest): Promise<string> {
    const { store, runner, registry } = this.context;
    const { scene, adapter: reference, probabilities } = request;
    const agreement = wantedAgreement(request);
    const { manifest, digest: sceneDigest } = request.sceneDigest
      ? await PreparedScene.openPinned(store, scene, request.sceneDigest)
      : await PreparedScene.open(store, scene);
    const { height, width } = manifest;
    const { reference: adapter } = await registry.admit(reference);
    const { metadata } = await registry.resolve(adapter);
    if (metadata.pcaDigest !== manifest.pcaDigest) throw failure('PCA_MISMATCH', { adapter, scene });
    requireSameBands(`The pixels of ${scene}`, manifest.raster?.wavelengths ?? [], { reference: adapter, ...metadata });
    const chunkSize = chooseChunkSize(request.chunkSize, height, width);
    const classes = metadata.classes.length;
    const diffusion = metadata.diffusion?.reach;
    if (diffusion !== undefined) {
      if (agreement !== undefined) {
        const reason = `adaptive mode is not for ${adapter}, whose features are diffused: it needs every pixel`;
        throw failure('FIELD_INVALID', { field: 'mode', reason });
      }
      requireDiffusible(scene, height * width, classes);
    }
    return runner.start(classificationKind, {
      scene,
      sceneDigest,
      adapter,
      classes,
      probabilities,
      height,
      width,
      chunkSize,
      agreement,
      diffusion,
    });
  }

  private async message(job: JobView<SceneJob>, result?: SceneJobResult): Promise<SceneJobMessage> {
    const { scene, sceneDigest, adapter, height, width, probabilities, agreement } = job.request;
    const { createdAt, endedAt, status } = job;
    return {
      status: toJobStatus(job, progressOf(job)),
      scene,
      sceneDigest,
      adapter: toAdapterVersion(await this.context.registry.resolve(adapter)),
      height,
      width,
      elapsed: endedAt && hasEnded(status) ? toDuration(endedAt.getTime() - createdAt.getTime()) : undefined,
      probabilities,
      mode: agreement === undefined ? SceneJobMode.SCENE_JOB_MODE_EXACT : SceneJobMode.SCENE_JOB_MODE_ADAPTIVE,
      agreement,
      measured: result?.counts && { ...agreementOf(result.counts), ...result.counts },
    };
  }
}

/** Returns the agreement that a request wants; undefined in exact mode. @throws FIELD_INVALID */
function wantedAgreement({ mode, agreement }: ClassifySceneRequest): number | undefined {
  const invalid = (field: string, reason: string): Error => failure('FIELD_INVALID', { field, reason });
  requireKnown(SceneJobMode, mode ?? 0, 'mode');
  if (mode !== SceneJobMode.SCENE_JOB_MODE_ADAPTIVE) {
    if (agreement === undefined) return undefined;
    throw invalid('agreement', 'it is for adaptive mode: an exact map agrees with itself');
  }
  if (agreement === undefined) return defaultAgreement;
  // NaN is refused too.
  if (!(agreement >= lowestAgreement && agreement < 1)) {
    throw invalid('agreement', `${agreement} is not from ${lowestAgreement} to below 1: 0.99 is usual`);
  }
  return agreement;
}

function progressOf({ parts }: JobView<SceneJob>): { stage: string; done: number; total: number } {
  const { done, total } = parts!;
  return { stage: 'classifying', done, total };
}

/**
 * Returns the side of a job's chunks: the one that was asked for, else 64 pixels, or as much more as keeps their number
 * within the limit.
 *
 * @param wanted side in pixels; 0 for the usual one
 * @throws FIELD_INVALID
 */
function chooseChunkSize(wanted: number, height: number, width: number): number {
  const invalid = (reason: string): Error => failure('FIELD_INVALID', { field: 'chunk_size', reason });
  if (wanted > maximumTileSide) throw invalid(`${wanted} is more than ${maximumTileSide}`);
  let chunkSize = wanted === 0 ? defaultChunkSize : wanted;
  while (chunkCount({ height, width, chunkSize }) > maximumParts) {
    if (chunkSize === maximumTileSide) {
      throw failure('FIELD_INVALID', {
        field: 'scene',
        reason: `it has ${height} × ${width} pixels, more than ${maximumParts} chunks of ${maximumTileSide} pixels: cut it into several scenes`,
      });
    }
    chunkSize = Math.min(maximumTileSide, chunkSize + 1);
  }
  if (wanted !== 0 && chunkSize > wanted) {
    throw invalid(`${wanted} would cut the scene into more than ${maximumParts} chunks: take at least ${chunkSize}`);
  }
  return chunkSize;
}
