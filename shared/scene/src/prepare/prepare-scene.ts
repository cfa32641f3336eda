import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { failure, HyperswapError, throwIfAborted } from '@hyperswap/errors';
import { checkClasses, completeClasses, type LandCoverClass } from '@hyperswap/map';
import type { ObjectStore } from '@hyperswap/storage';
import type { SceneLayout } from '../layout.js';
import { arraysOf, deleteArrays } from '../prepared/delete-scene.js';
import {
  manifestKey,
  readManifest,
  writeManifest,
  type LookupTableDescription,
  type RasterDescription,
  type SceneManifest,
} from '../prepared/manifest.js';
import { describeArrays, getPart, labelsKey, lookupChunkRows, maskKey } from '../prepared/scene-arrays.js';
import { readLookupChunk } from '../prepared/lookup-table.js';
import { WorkerThread } from '../threads/worker-thread.js';
import { passOverBlocks, storedBlocks, type BlockSource, type PreparationThread } from './block-pass.js';
import { fitPca, laneCount } from './fit-pca.js';
import { borrowPca, explainedShares } from './borrow-pca.js';
import type { Pca } from './pca.js';
import type { FinishedChunk } from './projection.js';
import { mergeMoments, toStatistics, type ScoreMoments } from './statistics.js';
import type { PixelRule } from './valid-pixels.js';

/** Maximum number of threads of one preparation. */
const mostThreads = 4;
/** Number of chunks that are stored at the same time. */
const storedAtOnce = 8;

/** Scene to prepare, whose bands and labels are in the store. */
export interface UploadedScene {
  readonly name: string;
  readonly layout: SceneLayout;
  readonly raster: RasterDescription;
  /** Names of the label maps, the ground truth first. */
  readonly labelMaps: readonly string[];
  /** Map that a lookup table places the pixels on; undefined for scenes that are maps themselves. */
  readonly lookupTable?: LookupTableDescription | undefined;
  readonly classes: readonly LandCoverClass[];
  readonly attribution: string;
  readonly components: number;
  /** `pca`, or `none` for scenes that have just the backbone's components as bands. */
  readonly reduction: 'pca' | 'none';
  /** Prepared scene whose PCA is taken in place of one of this scene. */
  readonly pcaOf: string | undefined;
  /** Replaces another scene of the same name. */
  readonly replace: boolean;
  /** Beginning of the keys of the bands, and of all that is made. */
  readonly arrays: string;
  /** Beginning of the keys of the label maps, as they were sent. */
  readonly labels: string;
}

export interface PreparationContext {
  readonly signal?: AbortSignal | undefined;
  /** Called with the number of finished units of a stage. */
  readonly onProgress?: (stage: string, done: number, total: number) => void;
  /** @default as many as there are processors, up to 4 */
  readonly threads?: number;
}

/**
 * Reduces a scene, block by block, and stores it. The manifest is written last: until then the scene is not visible,
 * and an existing scene of the same name stays complete. Preparing the same content again changes nothing. Memory does
 * not grow with the scene: at most some blocks a thread, 64 rows of scores a thread, and the sums of the covariance.
 *
 * @returns the manifest of the scene that has the name now. Its arrays are other than those given when the same content
 * was there before
 * @throws TOO_FEW_BANDS, FIELD_INVALID when the PCA of another scene does not fit, SCENE_NOT_FOUND when there is no
 * such scene, NO_VALID_PIXELS, CLASSES_INVALID, PIXELS_OVERFLOW, SCENE_EXISTS, OBJECT_DAMAGED when a part of the upload
 * is missing or damaged, or when a scene of the name cannot be read and is not to be replaced; STORE_FULL, CANCELLED
 */
export async function prepareScene(
  store: ObjectStore,
  scene: UploadedScene,
  { signal, onProgress = () => undefined, threads: wanted }: PreparationContext = {},
): Promise<SceneManifest> {
  const { layout, components, name } = scene;
  const rule = pixelRule(scene);
  if (rule.goodBands.length < components) {
    throw failure('TOO_FEW_BANDS', { scene: name, bands: rule.goodBands.length, components });
  }
  const lanes = laneCount(rule.goodBands.length, layout.blocks);
  const count = Math.min(wanted ?? Math.min(mostThreads, availableParallelism()), Math.max(lanes, layout.planes));
  const threads = Array.from({ length: count }, () => startThread(layout, rule));
  const stop = (): Promise<unknown> => Promise.all(threads.map((thread) => thread.stop()));
  // Stops the threads at once, because an eigenproblem may take seconds.
  const leave = (): void => void stop();
  signal?.addEventListener('abort', leave, { once: true });
  try {
    const borrowed = scene.pcaOf === undefined ? undefined : await borrowPca(store, scene.pcaOf, { ...scene, rule });
    const source = storedBlocks(store, scene.arrays, layout);
    const context = { threads, rule, scene: name, signal, onProgress };
    const fitted = await fitPca(source, components, context);
    const labels = await readLabels(store, scene, threads[0]!);
    const table = await digestLookupTable(store, scene);
    const content = [
      ...fitted.digests,
      ...labels.digests,
      ...table,
      ...(borrowed === undefined ? [] : [digestPca(borrowed)]),
    ];
    const sourceDigest = digestScene(scene, content);
    const present = await findPresent(store, scene, sourceDigest);
    if (present !== undefined) return present;
    const classes = completeClasses(scene.classes, labels.largest);
    checkClasses(classes);
    const pca = borrowed ?? (scene.reduction === 'pca' ? fitted.pca : identity(scene, rule));
    await describeArrays(store, scene.arrays, { ...scene, scene: name });
    const moments = await projectBlocks(store, scene, source, pca, { threads, signal, onProgress });
    const labelMaps = await maskAllLabels(store, scene, { threads, signal, onProgress });
    throwIfAborted(signal, 'The preparation');
    const statistics = toStatistics(moments);
    const manifest: SceneManifest = {
      formatVersion: 2,
      name,
      height: layout.height,
      width: layout.width,
      bands: layout.bands,
      components,
      explainedVarianceRatio:
        borrowed === undefined ? [...pca.explainedVarianceRatio] : explainedShares(statistics, fitted.pca),
      statistics,
      labelMaps,
      classes,
      pcaDigest: digestPca(pca),
      attribution: scene.attribution,
      sourceDigest,
      arrays: scene.arrays,
      validPixels: moments.count,
      raster: scene.raster,
      ...(scene.lookupTable && { lookupTable: scene.lookupTable }),
    };
    await publish(store, scene, manifest);
    return manifest;
  } catch (error) {
    throwIfAborted(signal, 'The preparation');
    throw error;
  } finally {
    signal?.removeEventListener('abort', leave);
    await stop();
  }
}

function startThread(layout: SceneLayout, rule: PixelRule): PreparationThread {
  return new WorkerThread(new URL('./preparation-thread.js', import.meta.url), { layout, rule });
}

function pixelRule({ layout, raster }: UploadedScene): PixelRule {
  const { bands } = layout;
  const all = Array.from({ length: bands }, (_, band) => band);
  const goodBands = raster.goodBands.length === 0 ? all : all.filter((band) => raster.goodBands[band] === true);
  return { bands, goodBands, nodata: raster.nodata, zeroIsNodata: raster.zeroIsNodata };
}

/** Checks, before a scene is sent, that it can take the PCA that it names. @throws as {@link prepareScene} */
export async function requirePca(store: ObjectStore, scene: UploadedScene): Promise<void> {
  if (scene.pcaOf !== undefined) await borrowPca(store, scene.pcaOf, { ...scene, rule: pixelRule(scene) });
}

interface PassContext {
  readonly threads: readonly PreparationThread[];
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (stage: string, done: number, total: number) => void;
}

/** Stores scores, mask and PCA. @returns moments of the scores of all pixels with data */
async function projectBlocks(
  store: ObjectStore,
  { arrays }: UploadedScene,
  source: BlockSource,
  pca: Pca,
  { threads, signal, onProgress }: PassContext,
): Promise<ScoreMoments> {
  const { blocks, blockRows, planeRows, planes } = source.layout;
  const bytesOf = ({ buffer }: Float32Array): Uint8Array => new Uint8Array(buffer);
  await store.put(`${arrays}/pca/mean/c/0`, bytesOf(pca.mean));
  await store.put(`${arrays}/pca/components/c/0/0`, bytesOf(pca.components));
  const perPlane = planeRows / blockRows;
  const groups = Array.from({ length: planes }, (_, plane) =>
    Array.from({ length: Math.min(perPlane, blocks - plane * perPlane) }, (__, i) => plane * perPlane + i),
  );
  await Promise.all(threads.map((thread) => thread.call('beginProjection', pca)));
  const moments = new Array<ScoreMoments>(blocks);
  let done = 0;
  await passOverBlocks(source, {
    groups,
    threads,
    signal,
    use: async (thread, given) => {
      const projected = await thread.call('projectBlock', given);
      moments[given.block] = projected.moments;
      await storeChunks(store, arrays, projected.chunks);
    },
    onBlock: () => onProgress('projecting', ++done, blocks),
  });
  return moments.reduce(mergeMoments);
}

async function storeChunks(store: ObjectStore, arrays: string, chunks: readonly FinishedChunk[]): Promise<void> {
  for (let first = 0; first < chunks.length; first += storedAtOnce) {
    const some = chunks.slice(first, first + storedAtOnce);
    await Promise.all(some.map(({ key, content }) => store.put(`${arrays}/${key}`, content)));
  }
}

/** Stores the label maps without labels of pixels that hold no data. */
async function maskAllLabels(
  store: ObjectStore,
  { arrays, labels, labelMaps, layout }: UploadedScene,
  { threads, signal, onProgress }: PassContext,
): Promise<SceneManifest['labelMaps']> {
  const maps: { name: string; labelledPixels: number; pixelsWithoutData: number }[] = [];
  let done = 0;
  for (const name of labelMaps) {
    let [labelledPixels, pixelsWithoutData] = [0, 0];
    for (let plane = 0; plane < layout.planes; plane++) {
      throwIfAborted(signal, 'The preparation');
      const read = async (key: string) => ({ key, stored: await getPart(store, key) });
      const [sent, mask] = await Promise.all([read(labelsKey(labels, name, plane)), read(maskKey(arrays, plane))]);
      const { content, ...found } = await threads[0]!.call('maskLabels', { labels: sent, mask });
      await store.put(labelsKey(`${arrays}/labels`, name, plane), content);
      labelledPixels += found.labelledPixels;
      pixelsWithoutData += found.pixelsWithoutData;
      onProgress('storing labels', ++done, labelMaps.length * layout.planes);
    }
    maps.push({ name, labelledPixels, pixelsWithoutData });
  }
  return maps;
}

/**
 * Finds a scene of the same name and content.
 *
 * @returns undefined if the name is free, or the scene is to be replaced
 * @throws SCENE_EXISTS, OBJECT_DAMAGED
 */
async function findPresent(
  store: ObjectStore,
  { name, replace }: UploadedScene,
  sourceDigest: string,
): Promise<SceneManifest | undefined> {
  const present = await readManifest(store, name).catch((error: unknown) => {
    const isFree =
      HyperswapError.is(error, 'SCENE_NOT_FOUND') || (replace && HyperswapError.is(error, 'OBJECT_DAMAGED'));
    if (!isFree) throw error;
    return undefined;
  });
  if (present === undefined || present.sourceDigest === sourceDigest) return present;
  if (!replace) throw failure('SCENE_EXISTS', { scene: name });
  return undefined;
}

/** Writes the manifest, and deletes the arrays of the replaced scene. @throws SCENE_EXISTS */
async function publish(
  store: ObjectStore,
  { name, replace, arrays }: UploadedScene,
  manifest: SceneManifest,
): Promise<void> {
  const content = writeManifest(manifest);
  if (!replace) {
    await store.put(manifestKey(name), content, { onlyIfAbsent: true }).catch((error: unknown) => {
      // Another preparation was faster.
      throw HyperswapError.is(error, 'OBJECT_EXISTS') ? failure('SCENE_EXISTS', { scene: name }, error) : error;
    });
    return;
  }
  const replaced = await arraysOf(store, name).catch((error: unknown) => {
    if (HyperswapError.is(error, 'SCENE_NOT_FOUND')) return undefined;
    throw error;
  });
  await store.put(manifestKey(name), content);
  // The scene is complete. A later sweep deletes what cannot be deleted now.
  if (replaced !== undefined && replaced !== arrays) await deleteArrays(store, replaced).catch(() => undefined);
}

/** Returns the unchanged bands in the form of a PCA, so that adapters treat all scenes alike. @throws FIELD_INVALID */
function identity({ components, layout }: UploadedScene, { goodBands }: PixelRule): Pca {
  if (layout.bands !== components || goodBands.length !== components) {
    throw failure('FIELD_INVALID', {
      field: 'reduction',
      reason: `"none" needs a scene of exactly ${components} bands, all good; this one has ${layout.bands}, ${goodBands.length} of them good`,
    });
  }
  const loadings = new Float32Array(components * components);
  for (let component = 0; component < components; component++) loadings[component * (components + 1)] = 1;
  const even = new Float32Array(components).fill(1 / components);
  return {
    mean: new Float32Array(components),
    components: loadings,
    explainedVariance: even,
    explainedVarianceRatio: even,
  };
}

/**
 * Returns the content of a lookup table and its map, for the digest; nothing without a table.
 *
 * @throws OBJECT_DAMAGED
 */
async function digestLookupTable(store: ObjectStore, { arrays, lookupTable }: UploadedScene): Promise<string[]> {
  if (lookupTable === undefined) return [];
  const hash = createHash('sha256').update(JSON.stringify(lookupTable));
  const chunks = Math.ceil(lookupTable.height / lookupChunkRows(lookupTable));
  for (let chunk = 0; chunk < chunks; chunk++) hash.update(await readLookupChunk(store, arrays, lookupTable, chunk));
  return [hash.digest('hex')];
}

/** Reads all labels as they were sent. */
async function readLabels(
  store: ObjectStore,
  { labelMaps, labels, layout }: UploadedScene,
  thread: PreparationThread,
): Promise<{ readonly digests: readonly string[]; readonly largest: number }> {
  const digests: string[] = [];
  let largest = 0;
  for (const map of labelMaps) {
    for (let plane = 0; plane < layout.planes; plane++) {
      const key = labelsKey(labels, map, plane);
      const read = await thread.call('readLabels', { key, stored: await getPart(store, key) });
      digests.push(read.digest);
      largest = Math.max(largest, read.largest);
    }
  }
  return { digests, largest };
}

/** Returns the sha-256 of all that was sent. @param content digests of blocks and label maps */
function digestScene(scene: UploadedScene, content: readonly string[]): string {
  const { layout, raster, labelMaps, classes, attribution, components, reduction } = scene;
  const { height, width, bands } = layout;
  const description = { height, width, bands, raster, labelMaps, classes, attribution, components, reduction };
  return createHash('sha256').update(JSON.stringify(description)).update(content.join()).digest('hex');
}

/** Returns the sha-256 of what a PCA computes. */
function digestPca({ mean, components }: Pick<Pca, 'mean' | 'components'>): string {
  const hash = createHash('sha256');
  for (const { buffer, byteOffset, byteLength } of [mean, components]) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}
