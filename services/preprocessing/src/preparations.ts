import { setTimeout as sleep } from 'node:timers/promises';
import { failure, HyperswapError } from '@hyperswap/errors';
import { jobObjects, toJobStatus, type JobRunner } from '@hyperswap/jobs';
import {
  JobKind,
  JobState,
  Preparation,
  Retention,
  type ListPreparationsResponse,
  type PrepareSceneHeader,
  type PrepareSceneRequest,
  type PrepareSceneResponse,
  type WatchPreparationResponse,
} from '@hyperswap/proto';
import { headerFirst, newestFirstKey, pageOf, type CallContext, type PageRequest } from '@hyperswap/rpc';
import { arraysPrefix, BlockEncoder, deleteArrays, readManifest, requirePca } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import { preparationHandler } from './preparation-handler.js';
import { preparationKind } from './preparation-kind.js';
import { evenRows, findNextRows, SceneReceiver, type NextRows, type RowsPart } from './receive-scene.js';
import { sourceHeader, sourceParts } from './source/source-parts.js';
import type { SceneSources } from './source/scene-sources.js';
import { checkHeader, labelsPrefix, toUploadedScene, type CheckedHeader } from './scene-header.js';
import type { OpenUpload, UploadHold, Uploads } from './uploads.js';

/** Uploads that a process receives at once: each holds some messages and two blocks in memory. */
const receivedAtOnce = 8;
const retryAfterMilliseconds = 5_000;
const lookMilliseconds = 1_000;
/** Errors of rows that a retry cannot fix. */
const wrongRows = [
  'FIELD_INVALID',
  'MESSAGE_INVALID',
  'FILE_FORMAT',
  'SCENE_SOURCE_REFUSED',
  'SCENE_SOURCE_UNREADABLE',
] as const;

export interface PreparationsContext {
  readonly runner: JobRunner;
  readonly store: ObjectStore;
  readonly uploads: Uploads;
  readonly sources: SceneSources;
  /** Bytes that pixels and labels of a scene may have together. */
  readonly maximumSceneBytes: number;
}

/** Parts of an upload, and where they come from. */
interface Parts {
  /** Returns the parts from a row of pixels on. */
  from(row: number): AsyncIterable<RowsPart>;
  /** Version of the file that the service reads itself. */
  readonly sourceVersion: string | undefined;
}

/** Preparations of scenes: rows are stored on arrival, and then a job of any process prepares them. */
export class Preparations {
  private readonly encoder = new BlockEncoder();
  private receiving = 0;

  constructor(private readonly context: PreparationsContext) {
    context.runner.register(preparationKind, preparationHandler(context.store));
  }

  /**
   * Receives a scene, queues its preparation, and reports progress to its end. When the call is cut off, or ends before
   * all rows came, those that are stored stay for a call that continues the upload. Rows that are wrong end the upload.
   * With a source, the pixels are read from there.
   *
   * @throws FIELD_INVALID, NAME_INVALID, CLASSES_INVALID, TOO_FEW_BANDS, SCENE_NOT_FOUND, SCENE_EXISTS,
   * UPLOAD_NOT_FOUND, UPLOADS_FULL, JOBS_FULL, errors of opening and reading a source, and the error of the preparation
   */
  async *prepare(
    requests: AsyncIterable<PrepareSceneRequest>,
    call: CallContext,
  ): AsyncGenerator<PrepareSceneResponse> {
    const { header: given, rest } = await headerFirst(requests);
    const source = given.source ? await this.context.sources.open(given.source, call.signal) : undefined;
    let id: string;
    try {
      const header = source === undefined ? given : sourceHeader(given, source.raster);
      const partsFrom = (row: number) => (source === undefined ? rest : sourceParts(source.rows(row), rest));
      id = yield* this.store(header, { from: partsFrom, sourceVersion: source?.version }, call);
    } finally {
      await source?.close();
    }
    yield* this.watch(id, call);
  }

  /** Stores the rows of a scene, and queues its preparation. @returns the job */
  private async *store(
    header: PrepareSceneHeader,
    parts: Parts,
    call: CallContext,
  ): AsyncGenerator<PrepareSceneResponse, string> {
    const checked = checkHeader(header, this.context.maximumSceneBytes);
    const { hold, next } = await this.open(header, checked, parts.sourceVersion);
    const accepted = {
      job: hold.id,
      nextRow: next.pixels,
      nextLabelRows: { ...next.labels },
      ...(header.lookupTable && { nextLookupRow: next.lookups }),
    };
    yield { event: { $case: 'accepted', value: accepted } };
    const { id, holder } = hold;
    if (holder === undefined) return id;
    const receiving = this.receive(header, checked, { id, holder }, next, parts.from(next.pixels), call);
    if (header.source) yield* this.reportReading(id, receiving, call);
    await receiving;
    return id;
  }

  /**
   * Reports the progress of an upload or a preparation, and the scene at its end.
   *
   * @throws JOB_NOT_FOUND, CANCELLED, DRAINING, and the error of the preparation
   */
  async *watch(id: string, { signal }: CallContext): AsyncGenerator<WatchPreparationResponse> {
    const { uploads, runner } = this.context;
    // An upload becomes a job before its record is deleted.
    for (let upload; !signal.aborted && (upload = await uploads.find(id)) !== undefined;) {
      yield { event: { $case: 'progress', value: receivingProgress(upload) } };
      await sleep(lookMilliseconds, undefined, { signal }).catch(() => undefined);
    }
    for await (const news of runner.watch(preparationKind, id, signal)) {
      if (news.news === 'progress') yield { event: { $case: 'progress', value: news.progress } };
      if (news.news === 'result') yield { event: { $case: 'scene', value: news.result } };
    }
  }

  /** Reports the rows of an upload that are stored, until all are. @throws CANCELLED */
  private async *reportReading(
    id: string,
    receiving: Promise<void>,
    { signal }: CallContext,
  ): AsyncGenerator<PrepareSceneResponse> {
    const ended = receiving.then(
      () => true,
      () => true,
    );
    const look = (): Promise<boolean> => sleep(lookMilliseconds, false, { signal }).catch(() => false);
    while (!signal.aborted && !(await Promise.race([ended, look()]))) {
      const upload = await this.context.uploads.find(id);
      if (upload === undefined) {
        // The upload became a job or was cancelled while this code waited for a range.
        await this.context.runner.get(preparationKind, id).catch((error: unknown) => {
          throw HyperswapError.is(error, 'JOB_NOT_FOUND') ? failure('CANCELLED', { what: 'The preparation' }) : error;
        });
        return;
      }
      yield { event: { $case: 'progress', value: receivingProgress(upload) } };
    }
  }

  /** Ends an upload or a preparation. @throws JOB_NOT_FOUND */
  async cancel(id: string): Promise<void> {
    const upload = await this.context.uploads.find(id);
    if (upload === undefined) await this.context.runner.cancel(preparationKind, id);
    else await this.remove(upload);
  }

  /** Returns a page of uploads and preparations, the newest first. @throws FIELD_INVALID */
  async list(request: PageRequest): Promise<ListPreparationsResponse> {
    const { uploads, runner } = this.context;
    const open = (await uploads.list()).map((upload): Preparation => {
      const { id: job, header, createdAt } = upload;
      return {
        scene: header.name,
        status: {
          job,
          kind: JobKind.JOB_KIND_PREPARATION,
          state: JobState.JOB_STATE_QUEUED,
          progress: receivingProgress(upload),
          error: undefined,
          waitingFor: undefined,
          createdAt,
          startedAt: undefined,
          endedAt: undefined,
          attempts: 0,
        },
      };
    });
    const jobs = (await runner.list(preparationKind)).map((job): Preparation => ({
      scene: job.request.name,
      status: toJobStatus(job, job.progress),
    }));
    // An upload that has just become a job is in both lists.
    const all = new Map([...open, ...jobs].map((preparation) => [preparation.status!.job, preparation]));
    const keyOf = ({ status }: Preparation): string => newestFirstKey(status!.createdAt!.getTime(), status!.job);
    const listing = { keyOf, toMessage: (preparation: Preparation) => preparation, codec: Preparation };
    const { page, nextPageToken } = await pageOf(all.values(), listing, request);
    return { preparations: [...page], nextPageToken };
  }

  /** Deletes an upload with its rows. */
  async remove({ id, header }: Pick<OpenUpload, 'id' | 'header'>): Promise<void> {
    const { uploads, store } = this.context;
    // The call that stores rows is notified first.
    await uploads.forget(id);
    await deleteArrays(store, arraysPrefix(header.name, id));
    await deleteArrays(store, labelsPrefix(jobObjects(preparationKind.name, id)));
  }

  async stop(): Promise<void> {
    await this.encoder.stop();
  }

  /** Begins or continues an upload. Without a holder all rows came, and the job is queued. */
  private async open(
    header: PrepareSceneHeader,
    checked: CheckedHeader,
    sourceVersion: string | undefined,
  ): Promise<{ readonly hold: Omit<UploadHold, 'holder'> & { readonly holder?: string }; readonly next: NextRows }> {
    const { uploads, runner, store } = this.context;
    const { resumeJob: id } = header;
    if (this.receiving >= receivedAtOnce)
      throw failure('UPLOADS_FULL', { limit: receivedAtOnce, retryAfterMilliseconds });
    if (id === '') {
      await this.refuseOther(header);
      await requirePca(store, toUploadedScene(header, id, ''));
      return { hold: await uploads.begin(header, sourceVersion), next: evenRows(header, 'none') };
    }
    const hold = await uploads.continue(id, header, sourceVersion).catch(async (error: unknown) => {
      // A scene never has rows of two versions of a file.
      if (HyperswapError.is(error, 'SCENE_SOURCE_UNREADABLE')) await this.remove({ id, header });
      throw error;
    });
    if (hold !== undefined)
      return { hold, next: await findNextRows(header, checked, { store, ...placesOf(header, id) }) };
    await runner.get(preparationKind, id).catch((error: unknown) => {
      throw HyperswapError.is(error, 'JOB_NOT_FOUND') ? failure('UPLOAD_NOT_FOUND', { job: id.slice(0, 64) }) : error;
    });
    return { hold: { id }, next: evenRows(header, 'all') };
  }

  private async receive(
    header: PrepareSceneHeader,
    checked: CheckedHeader,
    hold: UploadHold,
    next: NextRows,
    parts: AsyncIterable<RowsPart>,
    { signal }: CallContext,
  ): Promise<void> {
    const { store, uploads, runner } = this.context;
    const { id } = hold;
    const target = { store, encoder: this.encoder, ...placesOf(header, id) };
    const require = (rows: number): Promise<void> => uploads.require(hold, rows);
    this.receiving += 1;
    try {
      const receiver = new SceneReceiver(header, checked, { ...target, require }, next);
      await receiver.receive(parts).catch(async (error: unknown) => {
        const isWrong = HyperswapError.is(error, ...wrongRows);
        if (isWrong && !signal.aborted) await this.remove({ id, header });
        throw error;
      });
      receiver.requireAll();
      await require(checked.layout.height);
      await runner.start(preparationKind, { ...header, resumeJob: '' }, id);
      await uploads.forget(id);
    } finally {
      this.receiving -= 1;
    }
  }

  /**
   * Refuses a scene that certainly differs from the stored scene of that name, before its rows are sent.
   *
   * @throws SCENE_EXISTS, OBJECT_DAMAGED
   */
  private async refuseOther({ name, raster, retention }: PrepareSceneHeader): Promise<void> {
    if (retention === Retention.RETENTION_REPLACE) return;
    const present = await readManifest(this.context.store, name).catch((error: unknown) => {
      if (HyperswapError.is(error, 'SCENE_NOT_FOUND')) return undefined;
      throw error;
    });
    if (present === undefined) return;
    const { height, width, bands } = present;
    const isSame = height === raster!.height && width === raster!.width && bands === raster!.bands;
    if (!isSame) throw failure('SCENE_EXISTS', { scene: name });
  }
}

function receivingProgress({ header, rows }: OpenUpload): { stage: string; done: number; total: number } {
  return { stage: header.source ? 'reading' : 'receiving', done: rows, total: header.raster!.height };
}

function placesOf({ name }: PrepareSceneHeader, id: string): { readonly arrays: string; readonly labels: string } {
  return { arrays: arraysPrefix(name, id), labels: labelsPrefix(jobObjects(preparationKind.name, id)) };
}
