import { stat } from 'node:fs/promises';
import path from 'node:path';
import { failure } from '@hyperswap/errors';
import type { LandCoverClass, PrepareSceneHeader, PrepareSceneRequest, Scene } from '@hyperswap/proto';
import { AxisOrder, Reduction, Retention } from '@hyperswap/proto';
import { exchange, pieces } from '@hyperswap/rpc';
import type { Session } from './session.js';
import type { Progress } from './terminal.js';

/** A file to send: on disk, or made here. */
export interface UploadFile {
  readonly name: string;
  readonly content: string | Uint8Array;
}

export interface LabelsToUpload {
  /** Name of the label map. */
  readonly name: string;
  /** Undefined: a variable of the scene's own file. */
  readonly file: UploadFile | undefined;
  readonly variable?: string;
}

export interface SceneToUpload {
  readonly name: string;
  readonly file: UploadFile;
  readonly variable?: string;
  readonly labels?: readonly LabelsToUpload[];
  readonly classes?: readonly LandCoverClass[];
  readonly attribution?: string;
  readonly replace?: boolean;
  readonly bandsFirst?: boolean;
  readonly keepBands?: boolean;
}

/** A file on disk. @throws FILE_UNREADABLE */
export async function fileToUpload(file: string): Promise<UploadFile> {
  const found = await stat(file).catch((cause: unknown) => {
    throw failure('FILE_UNREADABLE', { file, reason: (cause as NodeJS.ErrnoException).code ?? 'unknown' }, cause);
  });
  if (!found.isFile()) throw failure('FILE_UNREADABLE', { file, reason: 'it is not a file' });
  return { name: path.basename(file), content: file };
}

/** Sends a scene to be prepared. @throws what the preprocessing service refuses */
export async function uploadScene(session: Session, scene: SceneToUpload, progress: Progress): Promise<Scene> {
  const { preprocessing, signal } = session;
  const call = preprocessing.prepareScene();
  for await (const { event } of exchange(preprocessing, call, requests(scene), signal)) {
    if (event?.$case === 'scene') return event.value;
    if (event?.$case === 'progress') progress.update('preparing', event.value.fraction, 1, event.value.stage);
  }
  throw failure('INTERNAL', { reason: 'the preprocessing service ended without a scene' });
}

async function* requests(scene: SceneToUpload): AsyncGenerator<PrepareSceneRequest> {
  const labels = scene.labels ?? [];
  const header: PrepareSceneHeader = {
    name: scene.name,
    fileName: scene.file.name,
    variable: scene.variable ?? '',
    labels: labels.map(({ name, file, variable }) => ({
      name,
      fileName: file?.name ?? '',
      variable: variable ?? '',
      inSceneFile: file === undefined,
    })),
    classes: [...(scene.classes ?? [])],
    attribution: scene.attribution ?? '',
    retention: scene.replace === true ? Retention.RETENTION_REPLACE : Retention.RETENTION_KEEP,
    axisOrder:
      scene.bandsFirst === true ? AxisOrder.AXIS_ORDER_BANDS_HEIGHT_WIDTH : AxisOrder.AXIS_ORDER_HEIGHT_WIDTH_BANDS,
    reduction: scene.keepBands === true ? Reduction.REDUCTION_NONE : Reduction.REDUCTION_PCA,
  };
  yield { part: { $case: 'header', value: header } };
  const files = [scene.file, ...labels.flatMap(({ file }) => file ?? [])];
  for (const [file, { content }] of files.entries()) {
    for await (const chunk of pieces(content)) {
      yield { part: { $case: 'chunk', value: { file, content: chunk } } };
    }
  }
}
