/** Upload of raw scenes: files are read and decoded here by windows of rows, and sent as rows of pixels and labels. */
import path from 'node:path';
import {
  Reduction,
  Retention,
  type Georeference,
  type LandCoverClass,
  type PrepareSceneHeader,
  type PrepareSceneRequest,
  type RasterInfo,
  type Scene,
} from '@hyperswap/proto';
import {
  bytesInMemory,
  LabelClasses,
  openFile,
  openRaster,
  readLabels,
  resampleRaster,
  type ClassOptions,
  type FinishedClasses,
  type LabelMap,
  type LabelOptions,
  type LookupTable,
  type RandomAccess,
  type RasterReader,
  type ReadOptions,
} from '@hyperswap/raster';
import { failure } from '@hyperswap/errors';
import { callUnary } from '@hyperswap/rpc';
import { scenePixelType, wireBytes } from './pixel-type.js';
import { describeRemote } from './remote-scene.js';
import { sendScene, type SceneRows } from './send-scene.js';
import type { Session } from './session.js';
import type { RemotePlace, UploadFile } from './upload-file.js';
import type { Progress } from './terminal.js';

export interface LabelsToUpload {
  /** Name of the label map. */
  readonly name: string;
  /** Undefined: a variable of the scene's own file. */
  readonly file: UploadFile | undefined;
  readonly options?: LabelOptions;
}

export interface SceneToUpload {
  readonly name: string;
  readonly file: UploadFile;
  readonly options?: ReadOptions;
  readonly labels?: readonly LabelsToUpload[];
  readonly classes?: readonly LandCoverClass[];
  readonly mapping?: ClassOptions['mapping'];
  /** Names and colours of the values of label files. */
  readonly classTable?: ClassOptions['table'];
  readonly attribution?: string;
  readonly replace?: boolean;
  readonly keepBands?: boolean;
  /** Prepared scene whose PCA is taken. */
  readonly pcaOf?: string;
  /** Resamples the spectra to the bands of that scene. */
  readonly resample?: boolean;
}

/** Bytes of one block of rows, at most one row more. */
const blockBytes = 1024 * 1024;

/** Returns a file on disk. @throws FILE_UNREADABLE */
export async function fileToUpload(file: string): Promise<UploadFile> {
  await (await openFile(file)).close();
  return { name: path.basename(file), content: file };
}

/** Reads a scene, sends it to be prepared, and waits for the end. @throws errors of the readers and the service */
export async function uploadScene(session: Session, scene: SceneToUpload, progress: Progress): Promise<Scene> {
  const file = await openScene(session, scene);
  try {
    const raster = scene.resample === true ? await resampleTo(session, scene, file) : file;
    const labelled = await readLabelMaps(scene, raster);
    for (const warning of labelled.warnings) progress.warn(warning);
    const onProgress = (stage: string, done: number, total: number): void =>
      progress.update(`preparing, ${stage}`, done, total);
    return await sendScene(session, rowsOf(scene, raster, labelled, progress), onProgress);
  } finally {
    await file.close();
  }
}

/**
 * Opens a file of this machine; of one that the service reads itself only the description.
 *
 * @throws errors of the readers and the service
 */
async function openScene(session: Session, { file, options, resample }: SceneToUpload): Promise<RasterReader> {
  if (!isRemote(file.content)) return openRaster(await sourceOf(file), options);
  if (resample === true) {
    const reason = 'it does not go with a scene that the service reads itself';
    throw failure('FIELD_INVALID', { field: '--resample', reason });
  }
  return describeRemote(session, file.content, options);
}

/** Returns a raster with the bands of the scene whose PCA it takes. @throws SCENE_NOT_FOUND, FIELD_INVALID */
async function resampleTo(
  { scenes, signal }: Session,
  { file, pcaOf = '' }: SceneToUpload,
  raster: RasterReader,
): Promise<RasterReader> {
  const invalid = (reason: string): Error => failure('FIELD_INVALID', { field: '--resample', reason });
  if (pcaOf === '') throw invalid('name the scene whose bands are wanted with --pca-of');
  const { scene } = await callUnary(scenes, 'getScene', { name: pcaOf }, { signal });
  const { wavelengths, fullWidths, goodBands } = scene!.raster!;
  if (wavelengths.length === 0) throw invalid(`the wavelengths of scene ${pcaOf} are not known`);
  return resampleRaster(file.name, raster, {
    wavelengths,
    ...(fullWidths.length > 0 && { fullWidths }),
    ...(goodBands.length > 0 && { goodBands }),
  });
}

/** Opens a file to send. @throws FILE_UNREADABLE */
function sourceOf({ name, content }: UploadFile): Promise<RandomAccess> {
  if (isRemote(content)) throw failure('FILE_UNREADABLE', { file: name, reason: 'only the services read it' });
  return typeof content === 'string' ? openFile(content, name) : Promise.resolve(bytesInMemory(name, content));
}

function isRemote(content: UploadFile['content']): content is RemotePlace {
  return typeof content === 'object' && 'place' in content;
}

interface Labelled {
  readonly maps: readonly LabelMap[];
  readonly classes: readonly LandCoverClass[];
  readonly warnings: readonly string[];
}

async function readLabelMaps(
  { file, options, labels = [], classes = [], mapping, classTable }: SceneToUpload,
  { info, lookupTable }: RasterReader,
): Promise<Labelled> {
  const all = new LabelClasses({ names: classes.map(({ name }) => name), mapping, table: classTable });
  const maps: LabelMap[] = [];
  const warnings: string[] = [];
  for (const { name, file: own, options: given } of labels) {
    // Axes of a scene's file are those of its labels too.
    const source = await sourceOf(own ?? file);
    const read = await readLabels(
      source,
      { ...info, lookupTable },
      all,
      own === undefined ? { axes: options?.axes, ...given } : given,
    );
    maps.push({ name, labels: read.labels });
    warnings.push(...read.warnings);
  }
  const { classes: found, unmapped } = all.finish(maps.map((map) => map.labels));
  if (unmapped.length > 0) {
    warnings.push(
      `codes ${unmapped.slice(0, 20).join(', ')}${unmapped.length > 20 ? ' and more' : ''} are not in --map-classes: unlabelled`,
    );
  }
  return { maps, classes: mergeClasses(classes, found), warnings };
}

/**
 * Returns the classes that the user lists, with what the label files add: codes, and colours that the user leaves open.
 */
function mergeClasses(given: readonly LandCoverClass[], found: FinishedClasses['classes']): readonly LandCoverClass[] {
  if (given.length > found.length) return given;
  return found.map(({ name, color, code }, index) => {
    const { color: wanted = color } = given[index] ?? {};
    return { name: given[index]?.name ?? name, color: wanted, code };
  });
}

/** Returns the description of a raster for the service. */
function rasterMessage({ info }: RasterReader): RasterInfo {
  const { height, width, bands, type } = info;
  return {
    height,
    width,
    bands,
    pixelType: scenePixelType(type),
    wavelengths: [...(info.wavelengths ?? [])],
    fullWidths: [...(info.fullWidths ?? [])],
    goodBands: [...(info.goodBands ?? [])],
    nodata: info.nodata,
    zeroIsNodata: info.zeroIsNodata ?? false,
    scale: info.scale,
    offset: info.offset,
    georeference: georeferenceOf(info),
  };
}

function georeferenceOf({ crs, transform }: Partial<Pick<LookupTable, 'crs' | 'transform'>>): Georeference | undefined {
  return transform && { crsWkt: crs?.wkt ?? '', epsg: crs?.epsg ?? 0, transform: [...transform] };
}

function rowsOf(
  scene: SceneToUpload,
  raster: RasterReader,
  { maps, classes }: Labelled,
  progress: Progress,
): SceneRows {
  const table = raster.lookupTable;
  const { content } = scene.file;
  const header: PrepareSceneHeader = {
    name: scene.name,
    raster: rasterMessage(raster),
    labelMaps: maps.map(({ name }) => name),
    classes: [...classes],
    attribution: scene.attribution ?? '',
    retention: scene.replace === true ? Retention.RETENTION_REPLACE : Retention.RETENTION_KEEP,
    reduction: scene.keepBands === true ? Reduction.REDUCTION_NONE : Reduction.REDUCTION_PCA,
    resumeJob: '',
    pcaOf: scene.pcaOf ?? '',
    ...(isRemote(content) && { source: content.place }),
    ...(table && { lookupTable: { height: table.height, width: table.width, georeference: georeferenceOf(table) } }),
  };
  return {
    header,
    async *from({ nextRow, nextLabelRows, nextLookupRow = 0 }) {
      if (!isRemote(content))
        yield* pixelRows(raster, nextRow, (row) => progress.update('sending', row, raster.info.height));
      for (const { name, labels } of maps) yield* labelRows(name, labels, raster.info, nextLabelRows[name] ?? 0);
      if (table !== undefined) yield* lookupRows(table, nextLookupRow);
    },
  };
}

/** Rows of pixels from a row on. */
async function* pixelRows(
  raster: RasterReader,
  first: number,
  onRows: (sent: number) => void,
): AsyncGenerator<PrepareSceneRequest> {
  const { height, width, bands, type } = raster.info;
  const rows = Math.max(1, Math.floor(blockBytes / (width * bands * Number(type[1]))));
  for (let row = first; row < height; row += rows) {
    const window = { row, column: 0, height: Math.min(rows, height - row), width };
    const values = wireBytes(await raster.readWindow(window), scenePixelType(type));
    yield { part: { $case: 'pixels', value: { row, values } } };
    onRows(row + window.height);
  }
}

/** Rows of the lookup table from a row on. */
async function* lookupRows(table: LookupTable, first: number): AsyncGenerator<PrepareSceneRequest> {
  const rows = Math.max(1, Math.floor(blockBytes / (4 * table.width)));
  for (let row = first; row < table.height; row += rows) {
    const { buffer } = await table.readRows(row, Math.min(rows, table.height - row));
    yield { part: { $case: 'lookups', value: { row, pixels: Buffer.from(buffer) } } };
  }
}

/** Rows of a label map from a row on. */
function* labelRows(
  labelMap: string,
  all: Uint8Array,
  { height, width }: { readonly height: number; readonly width: number },
  first: number,
): Generator<PrepareSceneRequest> {
  const rows = Math.max(1, Math.floor(blockBytes / width));
  for (let row = first; row < height; row += rows) {
    const labels = Buffer.from(all.subarray(row * width, (row + rows) * width));
    yield { part: { $case: 'labels', value: { labelMap, row, labels } } };
  }
}
