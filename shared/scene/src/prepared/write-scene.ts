import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { failure, HyperswapError, throwIfAborted, validateName } from '@hyperswap/errors';
import type { ObjectStore } from '@hyperswap/storage';
import * as zarr from 'zarrita';
import { checkClasses, completeClasses, type LandCoverClass } from '@hyperswap/map';
import { fitPca } from '../prepare/fit-pca.js';
import { projectPixels, type Pca } from '../prepare/pca.js';
import { componentStatistics } from '../prepare/statistics.js';
import type { LabelMap } from '@hyperswap/raster';
import { requireFinitePixels, type RawScene } from '@hyperswap/raster';
import { chunkSide, manifestKey, writeManifest, type SceneManifest } from './manifest.js';
import { readManifest } from './prepared-scene.js';
import { ZarrStore } from './zarr-store.js';

export interface SceneToPrepare {
  readonly name: string;
  readonly raw: RawScene;
  readonly labelMaps: readonly LabelMap[];
  readonly classes: readonly LandCoverClass[];
  readonly attribution: string;
  readonly components: number;
  /** `pca`, or `none` for scenes that have just the backbone's components as bands. */
  readonly reduction: 'pca' | 'none';
  /** Takes the place of another scene of the name. */
  readonly replace: boolean;
}

export interface PreparationContext {
  readonly signal?: AbortSignal;
  readonly onProgress?: (stage: string, fraction: number) => void;
}

/**
 * Reduces a raw scene and keeps it. Until the last write, that of the manifest, nothing of it is seen, and a scene of the same
 * name stays whole. Preparing the same content again changes nothing.
 *
 * @throws NAME_INVALID, CLASSES_INVALID, TOO_FEW_BANDS, PIXELS_NOT_FINITE, PIXELS_OVERFLOW, SCENE_EXISTS, OBJECT_DAMAGED when a scene of the name cannot be read
 *   and is not to be replaced, STORE_FULL, CANCELLED
 */
export async function writeScene(
  store: ObjectStore,
  scene: SceneToPrepare,
  { signal, onProgress = () => undefined }: PreparationContext = {},
): Promise<SceneManifest> {
  const { name, raw, labelMaps, components } = scene;
  validateName('Scene name', name);
  for (const map of labelMaps) validateName('Label map name', map.name);
  if (raw.bands < components) throw failure('TOO_FEW_BANDS', { scene: name, bands: raw.bands, components });
  requireFinitePixels(name, raw);
  const sourceDigest = digestSource(scene);
  // Where the objects of the scene are that this one replaces; of one that cannot be read, all that has its name.
  let replaced: string | undefined;
  const present = await readManifest(store, name).catch((error: unknown) => {
    if (scene.replace && HyperswapError.is(error, 'OBJECT_DAMAGED')) replaced = `scenes/${name}/`;
    else if (!HyperswapError.is(error, 'SCENE_NOT_FOUND')) throw error;
    return undefined;
  });
  if (present !== undefined) replaced = `${present.arrays}/`;
  if (present?.sourceDigest === sourceDigest) return present;
  if (present !== undefined && !scene.replace) throw failure('SCENE_EXISTS', { scene: name });

  const classCount = Math.max(
    0,
    ...labelMaps.map(({ labels }) => labels.reduce((most, label) => Math.max(most, label), 0)),
  );
  const classes = completeClasses(scene.classes, classCount);
  checkClasses(classes);
  const fit = (): Promise<Pca> =>
    fitPca(raw.values, raw.bands, components, {
      signal,
      onProgress: (fraction) => {
        onProgress('fitting the PCA', 0.5 * fraction);
      },
    });
  const pca = scene.reduction === 'pca' ? await fit() : identity(raw, components);
  onProgress('projecting', 0.6);
  await setImmediate();
  throwIfAborted(signal, 'Preparing the scene');
  const scores = projectPixels(raw.values, pca);
  const arrays = `scenes/${name}/${sourceDigest.slice(0, 16)}`;
  const manifest: SceneManifest = {
    formatVersion: 1,
    name,
    height: raw.height,
    width: raw.width,
    bands: raw.bands,
    components,
    explainedVarianceRatio: [...pca.explainedVarianceRatio],
    statistics: componentStatistics(scores, components),
    labelMaps: labelMaps.map((map) => ({
      name: map.name,
      labelledPixels: map.labels.reduce((count, label) => count + (label > 0 ? 1 : 0), 0),
    })),
    classes,
    pcaDigest: digestArrays([pca.mean, pca.components]),
    attribution: scene.attribution,
    sourceDigest,
    arrays,
  };
  const stored = writeManifest(manifest);
  onProgress('storing', 0.8);
  await writeArrays(new ZarrStore(store, arrays), scene, scores, pca);
  throwIfAborted(signal, 'Preparing the scene');
  await store.put(manifestKey(name), stored);
  if (replaced !== undefined) {
    await deleteObjects(store, replaced, (key) => key !== manifestKey(name) && !key.startsWith(`${arrays}/`));
  }
  onProgress('done', 1);
  return manifest;
}

/** Deletes a scene, also one whose manifest cannot be read: its manifest first, so that nobody finds half of it. @throws SCENE_NOT_FOUND */
export async function deleteScene(store: ObjectStore, name: string): Promise<void> {
  await readManifest(store, name).catch((error: unknown) => {
    if (!HyperswapError.is(error, 'OBJECT_DAMAGED')) throw error;
  });
  await store.delete(manifestKey(name));
  await deleteObjects(store, `scenes/${name}/`, () => true);
}

async function deleteObjects(store: ObjectStore, prefix: string, isGone: (key: string) => boolean): Promise<void> {
  for (const { key } of await store.list(prefix)) if (isGone(key)) await store.delete(key);
}

/** The bands as they are, written as a PCA, so that an adapter treats all scenes alike. */
function identity(raw: RawScene, components: number): Pca {
  if (raw.bands !== components) {
    throw failure('FIELD_INVALID', {
      field: 'reduction',
      reason: `"none" needs a scene of exactly ${components} bands, this one has ${raw.bands}`,
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

async function writeArrays(store: ZarrStore, scene: SceneToPrepare, scores: Float32Array, pca: Pca): Promise<void> {
  const { height, width, bands } = scene.raw;
  const { components } = scene;
  const root = zarr.root(store);
  const write = async (
    path: string,
    shape: number[],
    chunkShape: number[],
    dimensionNames: string[],
    data: Float32Array | Uint8Array,
  ): Promise<void> => {
    const dtype = data instanceof Float32Array ? 'float32' : 'uint8';
    const array = await zarr.create(root.resolve(path), {
      shape,
      chunkShape,
      dtype,
      dimensionNames,
      codecs: [{ name: 'bytes', configuration: { endian: 'little' } }],
    });
    const stride = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
    await zarr.set(array as zarr.Array<'float32', ZarrStore>, null, { data: data as Float32Array, shape, stride });
  };
  await zarr.create(root, { attributes: { scene: scene.name, attribution: scene.attribution } });
  await zarr.create(root.resolve('labels'));
  await zarr.create(root.resolve('pca'));
  await write(
    'scores',
    [height, width, components],
    [chunkSide, chunkSide, components],
    ['y', 'x', 'component'],
    scores,
  );
  await write('pca/mean', [bands], [bands], ['band'], pca.mean);
  await write('pca/components', [components, bands], [components, bands], ['component', 'band'], pca.components);
  for (const { name, labels } of scene.labelMaps) {
    await write(`labels/${name}`, [height, width], [chunkSide * 4, chunkSide * 4], ['y', 'x'], labels);
  }
}

function digestSource({ raw, labelMaps, classes, components, reduction, attribution }: SceneToPrepare): string {
  const { height, width, bands, values } = raw;
  const description = {
    height,
    width,
    bands,
    type: values.constructor.name,
    classes,
    components,
    reduction,
    attribution,
  };
  const hash = createHash('sha256').update(JSON.stringify(description));
  hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  for (const { name, labels } of labelMaps) hash.update(name).update(labels);
  return hash.digest('hex');
}

function digestArrays(arrays: readonly Float32Array[]): string {
  const hash = createHash('sha256');
  for (const { buffer, byteOffset, byteLength } of arrays) hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  return hash.digest('hex');
}
