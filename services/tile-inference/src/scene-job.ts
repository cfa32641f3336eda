/** What all processes know of a scene job, and the chunks it is cut into. */
import { failure, restoreError, type HyperswapError, type SerializedError } from '@hyperswap/errors';
import { changeValue, type KeyValue } from '@hyperswap/messaging';
import { JobKind, JobState, type AdapterVersion, type SceneJob as SceneJobMessage } from '@hyperswap/proto';
import type { Window } from '@hyperswap/raster';
import { toDuration, toErrorStatus } from '@hyperswap/rpc';
import type { ObjectStore } from '@hyperswap/storage';

/** Name of the key-value bucket of jobs, and of the work queue of their chunks. */
export const jobsBucket = 'scene-jobs';
export const chunksQueue = 'scene-chunks';

export interface SceneJob {
  readonly scene: string;
  /** `name@7`: resolved when the job was admitted, so that all chunks run the same version. */
  readonly adapter: string;
  readonly height: number;
  readonly width: number;
  /** Classes of the adapter. */
  readonly classes: number;
  /** The probabilities of all classes are kept. */
  readonly probabilities: boolean;
  /** Digest of the scene's content. */
  readonly sceneDigest: string;
  /** Side of a chunk in pixels. */
  readonly chunkSize: number;
  readonly state: 'running' | 'done' | 'failed' | 'cancelled';
  /** One bit a chunk, base64: set when its result is in the store. Setting it twice is harmless. */
  readonly finishedChunks: string;
  readonly error?: SerializedError;
  /** Milliseconds since 1970, by the clocks of the processes that wrote it. */
  readonly startedAt: number;
  readonly changedAt: number;
}

/** One work item: a window of a scene's map, or, without an index, the job to be cut into such. Doing it twice is harmless. */
export interface Chunk {
  readonly job: string;
  readonly index?: number;
}

const states: Readonly<Record<SceneJob['state'], JobState>> = {
  running: JobState.JOB_STATE_RUNNING,
  done: JobState.JOB_STATE_DONE,
  failed: JobState.JOB_STATE_FAILED,
  cancelled: JobState.JOB_STATE_CANCELLED,
};

/** A job of which nothing is done yet. */
export function newSceneJob(
  given: Omit<SceneJob, 'state' | 'finishedChunks' | 'error' | 'startedAt' | 'changedAt'>,
): SceneJob {
  const bytes = Buffer.alloc(Math.ceil(chunkCount(given) / 8));
  const now = Date.now();
  return { ...given, state: 'running', finishedChunks: bytes.toString('base64'), startedAt: now, changedAt: now };
}

export function chunkCount({ height, width, chunkSize }: Pick<SceneJob, 'height' | 'width' | 'chunkSize'>): number {
  return Math.ceil(height / chunkSize) * Math.ceil(width / chunkSize);
}

/** The pixels of a chunk; chunks go row by row, the last of a row or column may be smaller. */
export function chunkWindow({ height, width, chunkSize }: SceneJob, index: number): Window {
  const perRow = Math.ceil(width / chunkSize);
  const row = Math.floor(index / perRow) * chunkSize;
  const column = (index % perRow) * chunkSize;
  return { row, column, height: Math.min(chunkSize, height - row), width: Math.min(chunkSize, width - column) };
}

export function isFinished({ finishedChunks }: SceneJob, index: number): boolean {
  return ((Buffer.from(finishedChunks, 'base64')[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
}

export function withFinished(job: SceneJob, index: number): SceneJob {
  if (isFinished(job, index)) return job;
  const bits = Buffer.from(job.finishedChunks, 'base64');
  bits[index >> 3]! |= 1 << (index & 7);
  return { ...job, finishedChunks: bits.toString('base64'), changedAt: Date.now() };
}

export function finishedCount({ finishedChunks }: SceneJob): number {
  let count = 0;
  for (let bits of Buffer.from(finishedChunks, 'base64')) for (; bits > 0; bits &= bits - 1) count += 1;
  return count;
}

/** Changes a job while it is running. @returns what it is now @throws JOB_NOT_FOUND when there is none, or it was cleared away */
export function changeRunning(
  jobs: KeyValue<SceneJob>,
  id: string,
  next: (current: SceneJob) => SceneJob,
): Promise<SceneJob> {
  return changeValue(jobs, id, (current) => {
    if (current === undefined) throw failure('JOB_NOT_FOUND', { kind: 'classification', job: id });
    return current.state === 'running' ? next(current) : current;
  });
}

/** A running job that ended so. */
export function ended(job: SceneJob, state: Exclude<SceneJob['state'], 'running'>, error?: SerializedError): SceneJob {
  return { ...job, state, changedAt: Date.now(), ...(error === undefined ? {} : { error }) };
}

/** What watchers of a job that failed or was cancelled are told. */
export function endOf({ error }: SceneJob): HyperswapError {
  return error === undefined ? failure('CANCELLED', { what: 'The scene job' }) : restoreError(error);
}

/** Key of a chunk's result: labels, confidence, then probabilities where they are kept. */
export function chunkKey(job: string, index: number): string {
  return `${jobPrefix(job)}${index}`;
}

/** What the keys of all objects of a job begin with. */
export function jobPrefix(job: string): string {
  return `jobs/${job}/`;
}

/** Removes the results of chunks. */
export async function deleteChunks(store: ObjectStore, id: string, job: SceneJob): Promise<void> {
  for (let index = 0; index < chunkCount(job); index++) await store.delete(chunkKey(id, index));
}

/** Returns a job as it travels over gRPC. */
export function toSceneJobMessage(id: string, job: SceneJob, adapter: AdapterVersion): SceneJobMessage {
  const { scene, sceneDigest, height, width, state, error, startedAt, changedAt, probabilities } = job;
  const hasEnded = state !== 'running';
  return {
    status: {
      job: id,
      kind: JobKind.JOB_KIND_SCENE,
      state: states[state],
      progress: { stage: 'classifying', done: finishedCount(job), total: chunkCount(job) },
      error: error && toErrorStatus(restoreError(error)),
      createdAt: new Date(startedAt),
      startedAt: new Date(startedAt),
      endedAt: hasEnded ? new Date(changedAt) : undefined,
      attempts: 1,
    },
    scene,
    sceneDigest,
    adapter,
    height,
    width,
    elapsed: hasEnded ? toDuration(changedAt - startedAt) : undefined,
    probabilities,
  };
}
