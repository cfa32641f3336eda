/** Scene jobs from the client's side: started, followed to their map, also where the process that was asked dies. */
import { failure } from '@hyperswap/errors';
import type { ClassifySceneResponse, SceneMap } from '@hyperswap/proto';
import { readStream } from '@hyperswap/rpc';
import { isCutOff, keepWatching } from './keep-watching.js';
import type { Session } from './session.js';
import type { Progress } from './terminal.js';

/** Runs a scene job to its end. @throws what the service refuses or the job failed with */
export async function classifyScene(
  session: Session,
  scene: string,
  adapter: string,
  progress: Progress,
): Promise<SceneMap> {
  let job: string | undefined;
  const { tileInference, signal } = session;
  const call = tileInference.classifyScene({ scene, adapter, chunkSize: 0, detached: false });
  try {
    return await follow(readStream(tileInference, call, signal), progress, (id) => (job = id));
  } catch (error) {
    // The job goes on without the process that was asked.
    if (job === undefined || !isCutOff(error)) throw error;
    return watchSceneJob(session, job, progress);
  }
}

/** Starts a job that goes on by itself. @returns its id */
export async function startSceneJob(
  { tileInference, signal }: Session,
  scene: string,
  adapter: string,
): Promise<string> {
  const call = tileInference.classifyScene({ scene, adapter, chunkSize: 0, detached: true });
  for await (const { event } of readStream(tileInference, call, signal))
    if (event !== undefined) return event.value.job;
  throw ended();
}

/** Follows a job to its map, on whatever process answers. @throws JOB_NOT_FOUND, and what the job failed with */
export async function watchSceneJob(
  { tileInference, signal }: Session,
  job: string,
  progress: Progress,
): Promise<SceneMap> {
  const watch = (heard: () => void): Promise<SceneMap> =>
    follow(readStream(tileInference, tileInference.watchSceneJob({ job }), signal), progress, heard);
  return keepWatching(watch, signal);
}

async function follow(
  events: AsyncIterable<Pick<ClassifySceneResponse, 'event'>>,
  progress: Progress,
  onJob: (id: string) => void,
): Promise<SceneMap> {
  for await (const { event } of events) {
    if (event === undefined) continue;
    onJob(event.value.job);
    if (event.$case === 'map') {
      progress.update('classifying', 1, 1);
      return event.value;
    }
    progress.update('classifying', event.value.doneChunks, event.value.totalChunks);
  }
  throw ended();
}

function ended(): Error {
  return failure('INTERNAL', { reason: 'the scene job ended without a map' });
}
