/**
 * Arrays of a prepared scene: a Zarr v3 group with `bands`, `scores`, `mask`, `labels/<map>`, `pca/mean`,
 * `pca/components`, and `lookup` of scenes in the geometry of their sensor.
 */
import { failure, HyperswapError } from '@hyperswap/errors';
import type { ObjectStore } from '@hyperswap/storage';
import * as zarr from 'zarrita';
import { blockCodec } from '../codec/block-codec.js';
import { planeCodec } from '../codec/plane-codec.js';
import { chunkSide, type SceneLayout } from '../layout.js';
import { ZarrStore } from './zarr-store.js';

/** Beginning of the keys of all scenes' arrays. Manifests are elsewhere: who lists scenes need not list these. */
export const arraysRoot = 'scene-arrays/';

/** Returns where the arrays of a preparation are. @param id of its job */
export function arraysPrefix(scene: string, id: string): string {
  return `${arraysRoot}${scene}/${id}`;
}

/** Returns the key of a block of bands. */
export function blockKey(arrays: string, block: number): string {
  return `${arrays}/bands/c/${block}/0/0`;
}

/** Returns the key of a plane of a label map. @param labels where label maps are */
export function labelsKey(labels: string, map: string, plane: number): string {
  return `${labels}/${map}/c/${plane}/0`;
}

/** Returns the key of a plane of the mask. */
export function maskKey(arrays: string, plane: number): string {
  return `${arrays}/mask/c/${plane}/0`;
}

/** Cells of a chunk of a lookup table at most, unless a row has more. */
const lookupCells = 2 ** 20;

/** Size of the map of a lookup table. */
export interface MapSize {
  readonly height: number;
  readonly width: number;
}

/** Returns the rows of a chunk of a lookup table. */
export function lookupChunkRows({ height, width }: MapSize): number {
  return Math.min(height, Math.max(1, Math.floor(lookupCells / width)));
}

/** Returns the key of a chunk of the lookup table. */
export function lookupKey(arrays: string, chunk: number): string {
  return `${arrays}/lookup/c/${chunk}/0`;
}

/** Returns an object that must be there. @throws OBJECT_DAMAGED when it is missing */
export async function getPart(store: ObjectStore, key: string): Promise<Buffer> {
  return store.get(key).catch((error: unknown) => {
    if (!HyperswapError.is(error, 'OBJECT_NOT_FOUND')) throw error;
    throw failure('OBJECT_DAMAGED', { key, reason: 'it is missing' }, error);
  });
}

/** Writes the metadata of a label map. */
export async function describeLabels(
  store: ObjectStore,
  arrays: string,
  map: string,
  { height, width, planeRows }: MapSize & { readonly planeRows: number },
): Promise<void> {
  await zarr.create(zarr.root(new ZarrStore(store, arrays)).resolve(`labels/${map}`), {
    shape: [height, width],
    chunkShape: [planeRows, width],
    dtype: 'uint8',
    dimensionNames: ['y', 'x'],
    codecs: [{ name: 'bytes', configuration: { endian: 'little' } }, planeCodec],
    fillValue: 0,
  });
}

export interface ArraysToDescribe {
  readonly scene: string;
  readonly attribution: string;
  readonly layout: SceneLayout;
  readonly labelMaps: readonly string[];
  readonly components: number;
  readonly lookupTable?: MapSize | undefined;
}

/** Writes the metadata of all arrays: shapes, types, chunks and codecs. */
export async function describeArrays(
  store: ObjectStore,
  arrays: string,
  { scene, attribution, layout, labelMaps, components, lookupTable }: ArraysToDescribe,
): Promise<void> {
  const root = zarr.root(new ZarrStore(store, arrays));
  const { height, width, bands, type, blockRows, planeRows } = layout;
  const little = { name: 'bytes', configuration: { endian: 'little' } };
  await zarr.create(root, { attributes: { scene, attribution } });
  await zarr.create(root.resolve('labels'));
  await zarr.create(root.resolve('pca'));
  const describe = async (
    path: string,
    dtype: 'uint8' | 'uint16' | 'int16' | 'int32' | 'float32',
    axes: Readonly<Record<string, readonly [size: number, chunk: number]>>,
    codecs: { name: string; configuration: Record<string, unknown> }[] = [],
  ): Promise<void> => {
    await zarr.create(root.resolve(path), {
      shape: Object.values(axes).map(([size]) => size),
      chunkShape: Object.values(axes).map(([, chunk]) => chunk),
      dtype,
      dimensionNames: Object.keys(axes),
      codecs: [little, ...codecs],
      fillValue: 0,
    });
  };
  const pixels = (rows: number, columns: number) => ({ y: [height, rows], x: [width, columns] }) as const;
  await describe('bands', type, { ...pixels(blockRows, width), band: [bands, bands] }, [blockCodec]);
  await describe('scores', 'float32', { ...pixels(chunkSide, chunkSide), component: [components, components] });
  await describe('mask', 'uint8', pixels(planeRows, width), [planeCodec]);
  for (const map of labelMaps) await describeLabels(store, arrays, map, { height, width, planeRows });
  if (lookupTable !== undefined) {
    const { height: rows, width: columns } = lookupTable;
    const axes = { map_y: [rows, lookupChunkRows(lookupTable)], map_x: [columns, columns] } as const;
    await describe('lookup', 'int32', axes, [planeCodec]);
  }
  await describe('pca/mean', 'float32', { band: [bands, bands] });
  await describe('pca/components', 'float32', { component: [components, components], band: [bands, bands] });
}
