import { setTimeout as sleep } from 'node:timers/promises';
import { failure, HyperswapError } from '@hyperswap/errors';
import type { PreparationAccepted, PrepareSceneHeader, PrepareSceneRequest, Scene } from '@hyperswap/proto';
import { exchange } from '@hyperswap/rpc';
import type { Session } from './session.js';

/** Rows of a scene, read when they are to be sent. */
export interface SceneRows {
  readonly header: PrepareSceneHeader;
  /** Returns the messages that begin at the rows that the service named. */
  from(accepted: PreparationAccepted): AsyncIterable<PrepareSceneRequest>;
}

/** Maximum number of consecutive calls without a stored row. */
const attempts = 6;
const firstPauseMilliseconds = 500;
/** Temporary errors of a process or its dependencies. */
const passing = [
  'SERVICE_UNREACHABLE',
  'DRAINING',
  'JOBS_FULL',
  'STORE_UNREACHABLE',
  'BUS_UNREACHABLE',
  'SCENE_SOURCE_UNREACHABLE',
  'SCENE_SOURCES_BUSY',
] as const;

/**
 * Sends a scene and waits until it is prepared. After a lost connection the upload continues on a new one at the row
 * that the service names, as long as rows arrive.
 *
 * @param onProgress receives the progress of the service
 * @throws errors of the service, and SERVICE_UNREACHABLE after some attempts
 */
export async function sendScene(
  { scenes, signal }: Pick<Session, 'scenes' | 'signal'>,
  rows: SceneRows,
  onProgress: (stage: string, done: number, total: number) => void,
): Promise<Scene> {
  let resumeJob = '';
  let storedRows = 0;
  for (let failures = 0; ; failures++) {
    let accept: (accepted: PreparationAccepted) => void = () => undefined;
    let refuse: (error: unknown) => void = () => undefined;
    const acceptance = new Promise<PreparationAccepted>((resolve, reject) => {
      accept = resolve;
      refuse = reject;
    });
    acceptance.catch(() => undefined);
    try {
      const requests = requestsOf({ ...rows.header, resumeJob }, rows, acceptance);
      for await (const { event } of exchange(scenes, scenes.prepareScene(), requests, signal)) {
        if (event?.$case === 'scene') return event.value;
        if (event?.$case === 'progress') onProgress(event.value.stage, event.value.done, event.value.total);
        if (event?.$case !== 'accepted') continue;
        const { job, nextRow, nextLabelRows, nextLookupRow = 0 } = event.value;
        const stored = nextRow + nextLookupRow + Object.values(nextLabelRows).reduce((sum, row) => sum + row, 0);
        if (stored > storedRows) failures = 0;
        [resumeJob, storedRows] = [job, stored];
        accept(event.value);
      }
      throw failure('INTERNAL', { reason: 'the preprocessing service ended without a scene' });
    } catch (error) {
      // Ends the requests of this call.
      refuse(error);
      if (resumeJob === '' || !mayPass(error) || failures + 1 >= attempts || signal.aborted) throw error;
      await sleep(firstPauseMilliseconds * 2 ** failures, undefined, { signal });
    }
  }
}

async function* requestsOf(
  header: PrepareSceneHeader,
  rows: SceneRows,
  acceptance: Promise<PreparationAccepted>,
): AsyncGenerator<PrepareSceneRequest> {
  yield { part: { $case: 'header', value: header } };
  yield* rows.from(await acceptance);
}

/**
 * Returns true for errors after which an upload can continue: the connection or the process at its other end is lost.
 */
function mayPass(error: unknown): boolean {
  return (
    error instanceof HyperswapError &&
    (HyperswapError.is(error, ...passing) ||
      // Message of gRPC for a connection that broke in the middle of a message.
      (HyperswapError.is(error, 'SERVICE_ERROR') && ['INTERNAL', 'UNKNOWN'].includes(error.details.status)))
  );
}
