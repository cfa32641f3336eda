import { throwIfAborted } from '@hyperswap/errors';
import { AxisOrder, Reduction, Retention, type PrepareSceneRequest, type PrepareSceneResponse } from '@hyperswap/proto';
import { ResponseQueue, type CallContext } from '@hyperswap/rpc';
import { readArray, readLabels, toRawScene, type LabelMap } from '@hyperswap/raster';
import { writeScene, type SceneManifest } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import { toSceneMessage } from './messages.js';
import { receiveUpload, type UploadedScene } from './upload.js';

/** Spectral components that SpectralGPT takes. */
const components = 12;

/** Receives a scene's files, prepares them, and tells how far it is. */
export function prepareScene(
  store: ObjectStore,
  maximumBytes: number,
  requests: AsyncIterable<PrepareSceneRequest>,
  { signal }: CallContext,
): AsyncIterable<PrepareSceneResponse> {
  const responses = new ResponseQueue<PrepareSceneResponse>();
  const onProgress = (stage: string, fraction: number): void =>
    responses.push({ event: { $case: 'progress', value: { stage, fraction } } });
  receiveUpload(requests, maximumBytes)
    .then((uploaded) => prepare(store, uploaded, signal, onProgress))
    .then(
      (manifest) => {
        responses.push({ event: { $case: 'scene', value: toSceneMessage(manifest) } });
        responses.end();
      },
      (error: unknown) => responses.fail(error),
    );
  return responses;
}

async function prepare(
  store: ObjectStore,
  { header, files }: UploadedScene,
  signal: AbortSignal,
  onProgress: (stage: string, fraction: number) => void,
): Promise<SceneManifest> {
  const sceneFile = files[0]!;
  const order =
    header.axisOrder === AxisOrder.AXIS_ORDER_BANDS_HEIGHT_WIDTH ? 'bands-height-width' : 'height-width-bands';
  onProgress('reading', 0);
  const array = await readArray(header.fileName, sceneFile, 3, header.variable === '' ? undefined : header.variable);
  const raw = toRawScene(header.fileName, array, order);
  throwIfAborted(signal, 'Preparing the scene');
  const labelMaps: LabelMap[] = [];
  let nextFile = 1;
  for (const source of header.labels) {
    const file = source.inSceneFile ? sceneFile : files[nextFile++]!;
    const fileName = source.inSceneFile ? header.fileName : source.fileName;
    const variable = source.variable === '' ? undefined : source.variable;
    const names = header.classes.map((found) => found.name);
    const labels = await readLabels(fileName, file, variable, raw, names);
    labelMaps.push({ name: source.name, labels });
  }
  return writeScene(
    store,
    {
      name: header.name,
      raw,
      labelMaps,
      classes: header.classes,
      attribution: header.attribution,
      components,
      reduction: header.reduction === Reduction.REDUCTION_NONE ? 'none' : 'pca',
      replace: header.retention === Retention.RETENTION_REPLACE,
    },
    { signal, onProgress },
  );
}
