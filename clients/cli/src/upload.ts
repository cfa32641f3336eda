/** Sends raw scenes to be prepared: files are read and decoded here, and travel as rows of pixels and labels. */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { failure } from '@hyperswap/errors';
import {
  Reduction,
  Retention,
  type LandCoverClass,
  type PrepareSceneHeader,
  type PrepareSceneRequest,
  type Scene,
} from '@hyperswap/proto';
import { readArray, readLabels, toRawScene, type LabelMap, type RawScene } from '@hyperswap/raster';
import { exchange } from '@hyperswap/rpc';
import { pixelTypeOf } from './pixel-type.js';
import type { Session } from './session.js';
import type { Progress } from './terminal.js';

/** A file to send: a path, or content made here. */
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

/** Bytes of one block of rows, at most one row more. */
const blockBytes = 1024 * 1024;

/** Returns a file on disk. @throws FILE_UNREADABLE */
export async function fileToUpload(file: string): Promise<UploadFile> {
  const found = await stat(file).catch((cause: unknown) => {
    throw failure('FILE_UNREADABLE', { file, reason: (cause as NodeJS.ErrnoException).code ?? 'unknown' }, cause);
  });
  if (!found.isFile()) throw failure('FILE_UNREADABLE', { file, reason: 'it is not a file' });
  return { name: path.basename(file), content: file };
}

/** Reads a scene, sends it to be prepared, and waits for the end. @throws what the readers and the service refuse */
export async function uploadScene(session: Session, scene: SceneToUpload, progress: Progress): Promise<Scene> {
  const { scenes, signal } = session;
  progress.update('preparing', 0, 1, 'reading');
  const { raw, labelMaps } = await readScene(scene);
  for await (const { event } of exchange(scenes, scenes.prepareScene(), requests(scene, raw, labelMaps), signal)) {
    if (event?.$case === 'scene') return event.value;
    if (event?.$case === 'progress')
      progress.update('preparing', event.value.done, event.value.total, event.value.stage);
  }
  throw failure('INTERNAL', { reason: 'the preprocessing service ended without a scene' });
}

async function readScene(scene: SceneToUpload): Promise<{ raw: RawScene; labelMaps: LabelMap[] }> {
  const { file, variable, bandsFirst, labels = [], classes = [] } = scene;
  const content = await bytesOf(file);
  const order = bandsFirst === true ? 'bands-height-width' : 'height-width-bands';
  const raw = toRawScene(file.name, await readArray(file.name, content, 3, variable), order);
  const names = classes.map(({ name }) => name);
  const labelMaps: LabelMap[] = [];
  for (const source of labels) {
    const own = source.file ?? file;
    const bytes = source.file === undefined ? content : await bytesOf(source.file);
    labelMaps.push({ name: source.name, labels: await readLabels(own.name, bytes, source.variable, raw, names) });
  }
  return { raw, labelMaps };
}

async function bytesOf({ name, content }: UploadFile): Promise<Uint8Array> {
  if (typeof content !== 'string') return content;
  return readFile(content).catch((cause: unknown) => {
    throw failure('FILE_UNREADABLE', { file: name, reason: (cause as NodeJS.ErrnoException).code ?? 'unknown' }, cause);
  });
}

// eslint-disable-next-line @typescript-eslint/require-await -- the exchange takes an async iterable
async function* requests(
  scene: SceneToUpload,
  raw: RawScene,
  labelMaps: readonly LabelMap[],
): AsyncGenerator<PrepareSceneRequest> {
  const { height, width, bands, values } = raw;
  const raster = {
    height,
    width,
    bands,
    pixelType: pixelTypeOf(values),
    wavelengths: [],
    fullWidths: [],
    goodBands: [],
    nodata: undefined,
    zeroIsNodata: false,
    scale: undefined,
    offset: undefined,
    georeference: undefined,
  };
  const header: PrepareSceneHeader = {
    name: scene.name,
    raster,
    labelMaps: labelMaps.map(({ name }) => name),
    classes: [...(scene.classes ?? [])],
    attribution: scene.attribution ?? '',
    retention: scene.replace === true ? Retention.RETENTION_REPLACE : Retention.RETENTION_KEEP,
    reduction: scene.keepBands === true ? Reduction.REDUCTION_NONE : Reduction.REDUCTION_PCA,
    resumeJob: '',
  };
  yield { part: { $case: 'header', value: header } };
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  for (const { row, content } of blocks(bytes, height))
    yield { part: { $case: 'pixels', value: { row, values: content } } };
  for (const { name, labels } of labelMaps) {
    for (const { row, content } of blocks(Buffer.from(labels), height)) {
      yield { part: { $case: 'labels', value: { labelMap: name, row, labels: content } } };
    }
  }
}

/** Cuts rows into blocks. */
function* blocks(content: Buffer, height: number): Generator<{ row: number; content: Buffer }> {
  const rowBytes = content.byteLength / height;
  const rows = Math.max(1, Math.floor(blockBytes / rowBytes));
  for (let row = 0; row < height; row += rows) {
    yield { row, content: content.subarray(row * rowBytes, (row + rows) * rowBytes) };
  }
}
