/** Prepared scenes in a store, without a service. */
import { randomUUID } from 'node:crypto';
import type { LandCoverClass } from '@hyperswap/map';
import {
  arraysPrefix,
  BlockEncoder,
  blockKey,
  labelsKey,
  prepareScene,
  RowCollector,
  sceneLayout,
  type PreparationContext,
  type RasterDescription,
  type SceneLayout,
  type SceneManifest,
  type StoredType,
  type UploadedScene,
} from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import { gzipSync } from 'node:zlib';

type Pixels = Uint8Array | Uint16Array | Int16Array | Float32Array;

/** Scene of a test; what is left out has the usual value. */
export interface TestScene {
  readonly name: string;
  readonly height: number;
  readonly width: number;
  readonly bands: number;
  readonly values: Pixels;
  readonly labelMaps?: readonly { readonly name: string; readonly labels: Uint8Array }[];
  readonly classes?: readonly LandCoverClass[];
  readonly components?: number;
  readonly reduction?: 'pca' | 'none';
  readonly pcaOf?: string;
  readonly replace?: boolean;
  readonly raster?: Partial<RasterDescription>;
}

const typeNames = new Map<string, StoredType>([
  ['Uint8Array', 'uint8'],
  ['Uint16Array', 'uint16'],
  ['Int16Array', 'int16'],
  ['Float32Array', 'float32'],
]);

/** Stores bands and labels, as an upload does. */
export async function uploadTestScene(store: ObjectStore, scene: TestScene): Promise<UploadedScene> {
  const { name, height, width, bands, values, labelMaps = [] } = scene;
  const type = typeNames.get(values.constructor.name)!;
  const layout = sceneLayout({ height, width, bands, type });
  const id = randomUUID();
  const arrays = arraysPrefix(name, id);
  const labels = `jobs/preparation/${id}/labels`;
  const encoder = new BlockEncoder();
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  await collect(layout, bytes.byteLength / height, layout.blockRows, bytes, async (block, chunk) =>
    store.put(blockKey(arrays, block), await encoder.encode(chunk)),
  );
  await encoder.stop();
  for (const map of labelMaps) {
    await collect(layout, width, layout.planeRows, map.labels, (plane, chunk) =>
      store.put(labelsKey(labels, map.name, plane), gzipSync(chunk)),
    );
  }
  return {
    name,
    layout,
    raster: { pixelType: type, wavelengths: [], fullWidths: [], goodBands: [], zeroIsNodata: false, ...scene.raster },
    labelMaps: labelMaps.map((map) => map.name),
    classes: scene.classes ?? [],
    attribution: '',
    components: scene.components ?? 12,
    reduction: scene.reduction ?? 'pca',
    pcaOf: scene.pcaOf,
    replace: scene.replace ?? false,
    arrays,
    labels,
  };
}

async function collect(
  { height }: SceneLayout,
  rowBytes: number,
  chunkRows: number,
  bytes: Uint8Array,
  put: (chunk: number, bytes: Uint8Array<ArrayBuffer>) => Promise<void>,
): Promise<void> {
  const collector = new RowCollector({ height, rowBytes, chunkRows }, 0, put);
  for (let row = 0; row < height; row += 5) await collector.add(bytes.subarray(row * rowBytes, (row + 5) * rowBytes));
  await collector.finish();
}

/** Prepares a scene in a store, and leaves nothing when it fails, as the service does. */
export async function writeScene(
  store: ObjectStore,
  scene: TestScene,
  context?: PreparationContext,
): Promise<SceneManifest> {
  const uploaded = await uploadTestScene(store, scene);
  const remove = async (prefix: string): Promise<void> => {
    for (const { key } of await store.list(`${prefix}/`)) await store.delete(key);
  };
  try {
    const manifest = await prepareScene(store, uploaded, context);
    if (manifest.arrays !== uploaded.arrays) await remove(uploaded.arrays);
    return manifest;
  } catch (error) {
    await remove(uploaded.arrays);
    throw error;
  } finally {
    await remove(uploaded.labels);
  }
}
