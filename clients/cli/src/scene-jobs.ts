/**
 * Scene jobs from the client's side: starts them, watches them to their end even if the contacted process crashes, and
 * reads their maps.
 */
import { failure } from '@hyperswap/errors';
import { Output, SceneJobMode, type ClassifySceneResponse, type Scene, type SceneJob } from '@hyperswap/proto';
import { placeWindow } from '@hyperswap/raster';
import { readStream, toMilliseconds } from '@hyperswap/rpc';
import { isCutOff, keepWatching } from './keep-watching.js';
import type { MapRowBlock, MapSource, SceneMap } from './map-files/map-source.js';
import type { Session } from './session.js';
import type { Progress } from './terminal.js';

/** Scene that is to be classified, of the content that its digest names, where it is given. */
type SceneReference = Pick<Scene, 'name'> & Partial<Pick<Scene, 'digest'>>;

/** Options of a scene job. */
export interface SceneJobOptions {
  /** Keeps the probabilities of all classes. @default false */
  readonly probabilities?: boolean;
  /** Share of pixels that shall have the label of the exact map, in adaptive mode. @default exact mode */
  readonly agreement?: number | undefined;
}

/** Runs a scene job to its end. @throws errors of the service or of the job */
export async function runSceneJob(
  session: Session,
  { name: scene, digest: sceneDigest }: SceneReference,
  adapter: string,
  progress: Progress,
  options: SceneJobOptions = {},
): Promise<SceneJob> {
  let job: string | undefined;
  const { sceneJobs, signal } = session;
  const request = { scene, sceneDigest, adapter, chunkSize: 0, detached: false, ...requestOf(options) };
  try {
    const events = readStream(sceneJobs, sceneJobs.classifyScene(request), signal);
    return await follow(events, progress, (id) => (job = id));
  } catch (error) {
    // The job continues without the contacted process.
    if (job === undefined || !isCutOff(error)) throw error;
    return watchSceneJob(session, job, progress);
  }
}

/** Runs a scene job and reads its map. @param reach pixels that smoothing reaches; 0 for none */
export async function classifyScene(
  session: Session,
  scene: SceneReference,
  adapter: string,
  progress: Progress,
  reach = 0,
): Promise<SceneMap> {
  return readMap(session, await runSceneJob(session, scene, adapter, progress), progress, reach);
}

/** Starts a detached job. @returns its id */
export async function startSceneJob(
  { sceneJobs, signal }: Session,
  scene: string,
  adapter: string,
  options: SceneJobOptions,
): Promise<string> {
  const request = { scene, adapter, chunkSize: 0, detached: true, ...requestOf(options) };
  for await (const { event } of readStream(sceneJobs, sceneJobs.classifyScene(request), signal)) {
    if (event?.$case === 'accepted') return event.value.status!.job;
  }
  throw ended();
}

/** Returns the fields of a request that options decide. */
function requestOf({ probabilities = false, agreement }: SceneJobOptions): {
  readonly probabilities: boolean;
  readonly mode: SceneJobMode;
  readonly agreement: number | undefined;
} {
  const mode = agreement === undefined ? SceneJobMode.SCENE_JOB_MODE_EXACT : SceneJobMode.SCENE_JOB_MODE_ADAPTIVE;
  return { probabilities, mode, agreement };
}

/** Watches a job to its end, on any process that answers. @throws JOB_NOT_FOUND, and the error of the job */
export async function watchSceneJob(
  { sceneJobs, signal }: Session,
  job: string,
  progress: Progress,
): Promise<SceneJob> {
  const watch = (heard: () => void): Promise<SceneJob> =>
    follow(readStream(sceneJobs, sceneJobs.watchSceneJob({ job }), signal), progress, () => undefined, heard);
  return keepWatching(watch, signal);
}

/** Options for reading the map of a job. */
export interface MapReading {
  /** Pixels that smoothing reaches; 0 for none. */
  readonly reach: number;
  /** Probabilities of all classes too, which the job must have kept. */
  readonly probabilities: boolean;
}

/** Returns the map of a job that is done, read as it is asked for. */
export function jobMap(session: Session, job: SceneJob, progress: Progress, reading: MapReading): MapSource {
  const { height, width, adapter, elapsed, agreement, measured } = job;
  const rows = readRows(session, job, progress, reading);
  const adaptive = measured && { wanted: agreement!, ...measured };
  return { height, width, adapter: adapter!, seconds: toMilliseconds(elapsed) / 1000, adaptive, rows };
}

async function* readRows(
  { sceneJobs, signal }: Session,
  { status }: SceneJob,
  progress: Progress,
  { reach, probabilities }: MapReading,
): AsyncGenerator<MapRowBlock> {
  const outputs = [
    ...[Output.OUTPUT_LABELS, Output.OUTPUT_CONFIDENCE],
    ...(probabilities ? [Output.OUTPUT_PROBABILITIES] : []),
  ];
  const call = sceneJobs.readMap({ job: status!.job, outputs, window: undefined, smoothingReach: reach });
  for await (const { event } of readStream(sceneJobs, call, signal)) {
    if (event?.$case === 'progress') progress.update(event.value.stage, event.value.done, event.value.total);
    if (event?.$case === 'rows') yield { ...event.value, window: event.value.window! };
  }
}

/** Reads the whole map of a job that is done. @param reach pixels that smoothing reaches; 0 for none */
async function readMap(session: Session, job: SceneJob, progress: Progress, reach: number): Promise<SceneMap> {
  const { rows, ...map } = jobMap(session, job, progress, { reach, probabilities: false });
  const labels = new Uint8Array(map.height * map.width);
  const confidence = new Uint8Array(map.height * map.width);
  for await (const block of rows) {
    placeWindow(labels, map.width, block.window, block.labels);
    placeWindow(confidence, map.width, block.window, block.confidence);
  }
  return { ...map, labels, confidence, probabilities: new Uint8Array(0) };
}

async function follow(
  events: AsyncIterable<Pick<ClassifySceneResponse, 'event'>>,
  progress: Progress,
  onJob: (id: string) => void,
  heard: () => void = () => undefined,
): Promise<SceneJob> {
  for await (const { event } of events) {
    heard();
    switch (event?.$case) {
      case 'accepted':
        onJob(event.value.status!.job);
        break;
      case 'progress':
        progress.update('classifying', event.value.done, event.value.total);
        break;
      case 'done':
        progress.update('classifying', 1, 1);
        return event.value;
      case undefined:
        break;
    }
  }
  throw ended();
}

function ended(): Error {
  return failure('INTERNAL', { reason: 'the scene job ended without a map' });
}
