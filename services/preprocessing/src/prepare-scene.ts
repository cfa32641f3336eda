import {
  Reduction,
  Retention,
  type PrepareSceneHeader,
  type PrepareSceneRequest,
  type PrepareSceneResponse,
} from '@hyperswap/proto';
import { checkClasses, completeClasses } from '@hyperswap/map';
import { headerFirst, ResponseQueue, type CallContext } from '@hyperswap/rpc';
import { writeScene, type SceneManifest } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import { toSceneMessage } from './messages.js';
import { receiveRows, type ReceivedScene } from './receive-rows.js';

/** Spectral components that SpectralGPT takes. */
const components = 12;

/** Receives a scene as rows, prepares it, and reports the progress. */
export function prepareScene(
  store: ObjectStore,
  maximumBytes: number,
  requests: AsyncIterable<PrepareSceneRequest>,
  { signal }: CallContext,
): AsyncIterable<PrepareSceneResponse> {
  const responses = new ResponseQueue<PrepareSceneResponse>();
  const onProgress = (stage: string, fraction: number): void =>
    responses.replace('progress', {
      event: { $case: 'progress', value: { stage, done: Math.round(100 * fraction), total: 100 } },
    });
  const run = async (): Promise<SceneManifest> => {
    const { header, rest } = await headerFirst(requests);
    // Before pixels come: what cannot be used costs nobody an upload.
    checkClasses(header.classes);
    await responses.push({ event: { $case: 'accepted', value: { job: '', nextRow: 0, nextLabelRows: {} } } });
    return prepare(store, header, await receiveRows(header, rest, maximumBytes), signal, onProgress);
  };
  run().then(
    async (manifest) => {
      await responses.push({ event: { $case: 'scene', value: toSceneMessage(manifest) } });
      responses.end();
    },
    (error: unknown) => responses.fail(error),
  );
  return responses;
}

function prepare(
  store: ObjectStore,
  header: PrepareSceneHeader,
  { raw, labelMaps }: ReceivedScene,
  signal: AbortSignal,
  onProgress: (stage: string, fraction: number) => void,
): Promise<SceneManifest> {
  return writeScene(
    store,
    {
      name: header.name,
      raw,
      labelMaps,
      classes: completeClasses(header.classes, header.classes.length),
      attribution: header.attribution,
      components,
      reduction: header.reduction === Reduction.REDUCTION_NONE ? 'none' : 'pca',
      replace: header.retention === Retention.RETENTION_REPLACE,
    },
    { signal, onProgress },
  );
}
