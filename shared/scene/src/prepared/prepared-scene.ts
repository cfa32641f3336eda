import { createHash } from 'node:crypto';
import { failure, HyperswapError, throwIfAborted, validateName } from '@hyperswap/errors';
import { reflect, type Window } from '@hyperswap/raster';
import type { ObjectStore } from '@hyperswap/storage';
import * as zarr from 'zarrita';
import { chunkSide, manifestKey, parseManifest, type SceneManifest } from './manifest.js';
import { ZarrStore } from './zarr-store.js';

/** Decoded chunks kept in memory, about 200 KB each. */
const cachedChunks = 256;

/** @throws SCENE_NOT_FOUND, OBJECT_DAMAGED */
export async function readManifest(store: ObjectStore, name: string): Promise<SceneManifest> {
  return (await readPinned(store, name)).manifest;
}

/** A manifest with the sha-256 of its bytes: another content of the scene has another digest. */
interface PinnedManifest {
  readonly manifest: SceneManifest;
  readonly digest: string;
}

/** @throws SCENE_NOT_FOUND, OBJECT_DAMAGED */
async function readPinned(store: ObjectStore, name: string): Promise<PinnedManifest> {
  const key = manifestKey(validateName('Scene name', name));
  const text = await store.get(key).catch((cause: unknown) => {
    if (HyperswapError.is(cause, 'OBJECT_NOT_FOUND')) {
      throw failure('SCENE_NOT_FOUND', { scene: name }, cause);
    }
    throw cause;
  });
  return { manifest: parseManifest(name, text), digest: createHash('sha256').update(text).digest('hex') };
}

/** Scenes of a store. */
export interface SceneList {
  /** Manifests by name. */
  readonly scenes: readonly SceneManifest[];
  /** Scenes whose manifest cannot be read, by name. They can be deleted or replaced. */
  readonly damaged: readonly { readonly name: string; readonly error: HyperswapError }[];
}

/** Lists all scenes; one whose manifest cannot be read spoils nothing but itself. @throws STORE_UNREACHABLE */
export async function listScenes(store: ObjectStore): Promise<SceneList> {
  const objects = await store.list('scenes/');
  const names = objects.flatMap(({ key }) => /^scenes\/([^/]+)\/scene\.json$/.exec(key)?.[1] ?? []);
  const scenes: SceneManifest[] = [];
  const damaged: { name: string; error: HyperswapError }[] = [];
  const read = await Promise.allSettled(names.map((name) => readManifest(store, name)));
  for (const [index, result] of read.entries()) {
    if (result.status === 'fulfilled') scenes.push(result.value);
    else if (HyperswapError.is(result.reason, 'OBJECT_DAMAGED', 'NAME_INVALID')) {
      damaged.push({ name: names[index]!, error: result.reason });
      // One that is not found was deleted meanwhile.
    } else if (!HyperswapError.is(result.reason, 'SCENE_NOT_FOUND')) throw result.reason;
  }
  return { scenes, damaged };
}

/** A prepared scene, read chunk by chunk; what lies beyond its border is its mirror image. */
export class PreparedScene {
  private readonly chunks = new Map<string, Promise<Float32Array>>();

  private constructor(
    private readonly store: ObjectStore,
    readonly manifest: SceneManifest,
    /** Digest of the scene's content, for {@link openPinned}. */
    readonly digest: string,
    private readonly root: zarr.Location<ZarrStore>,
    private readonly scores: zarr.Array<'float32', ZarrStore>,
  ) {}

  /** @throws SCENE_NOT_FOUND, OBJECT_DAMAGED */
  static async open(store: ObjectStore, name: string): Promise<PreparedScene> {
    const { manifest, digest } = await readPinned(store, name);
    const root = zarr.root(new ZarrStore(store, manifest.arrays, 'complete'));
    const scores = await zarr.open.v3(root.resolve('scores'), { kind: 'array' });
    return new PreparedScene(store, manifest, digest, root, scores as zarr.Array<'float32', ZarrStore>);
  }

  /**
   * Opens a scene for work that began with a content of it, and keeps to that.
   *
   * @param digest of that content
   * @throws SCENE_CHANGED when the scene has another content by now, or is gone; OBJECT_DAMAGED
   */
  static async openPinned(store: ObjectStore, name: string, digest: string): Promise<PreparedScene> {
    const scene = await PreparedScene.open(store, name).catch((error: unknown) => {
      throw HyperswapError.is(error, 'SCENE_NOT_FOUND') ? failure('SCENE_CHANGED', { scene: name }, error) : error;
    });
    if (scene.digest !== digest) throw failure('SCENE_CHANGED', { scene: name });
    return scene;
  }

  /**
   * Scores of a window and a halo around it.
   *
   * @returns `[height + 2 · halo, width + 2 · halo, components]`, row by row
   */
  async readWindow(window: Window, halo: number, signal?: AbortSignal): Promise<Float32Array> {
    const { height, width, components } = this.manifest;
    const rows = mirrored(window.row - halo, window.height + 2 * halo, height);
    const columns = mirrored(window.column - halo, window.width + 2 * halo, width);
    const result = new Float32Array(rows.length * columns.length * components);
    const chunkRows = [...new Set(rows.map((row) => Math.floor(row / chunkSide)))];
    const chunkColumns = [...new Set(columns.map((column) => Math.floor(column / chunkSide)))];
    const chunks = new Map<number, Float32Array>();
    for (const r of chunkRows) {
      for (const c of chunkColumns) {
        throwIfAborted(signal, 'Reading the scene');
        chunks.set(r * width + c, await this.chunk(r, c));
      }
    }
    let position = 0;
    for (const row of rows) {
      for (const column of columns) {
        const chunk = chunks.get(Math.floor(row / chunkSide) * width + Math.floor(column / chunkSide))!;
        const offset = ((row % chunkSide) * chunkSide + (column % chunkSide)) * components;
        for (let c = 0; c < components; c++) result[position++] = chunk[offset + c]!;
      }
    }
    return result;
  }

  /** The patch around each pixel (row · width + column), `[pixels, patchSize, patchSize, components]`. */
  async readPatches(pixels: readonly number[], patchSize: number, signal?: AbortSignal): Promise<Float32Array> {
    const { width, components } = this.manifest;
    const size = patchSize ** 2 * components;
    const result = new Float32Array(pixels.length * size);
    for (const [index, pixel] of pixels.entries()) {
      const centre = { row: Math.floor(pixel / width), column: pixel % width, height: 1, width: 1 };
      result.set(await this.readWindow(centre, patchSize >> 1, signal), index * size);
    }
    return result;
  }

  /**
   * A label map, `[height, width]`; without a name what all of the scene's label together.
   *
   * @throws FIELD_INVALID when the scene has no such map, or, without a name, its maps name different classes for a pixel
   */
  async readLabels(name?: string): Promise<Uint8Array> {
    const { labelMaps } = this.manifest;
    const chosen = labelMaps.filter((map) => name === undefined || map.name === name);
    if (chosen.length === 0) {
      const available = labelMaps.map((map) => map.name).join(', ') || 'none';
      throw failure('FIELD_INVALID', {
        field: 'label map',
        reason: `scene ${this.manifest.name} has no label map ${name ?? ''}; it has ${available}`,
      });
    }
    const maps = await Promise.all(chosen.map((map) => this.readArray(`labels/${map.name}`) as Promise<Uint8Array>));
    const together = maps[0]!;
    for (const [index, map] of maps.entries()) {
      map.forEach((label, pixel) => {
        if (label === 0) return;
        if (together[pixel] === 0) together[pixel] = label;
        if (together[pixel] === label) return;
        const { width } = this.manifest;
        const place = `row ${Math.floor(pixel / width)}, column ${pixel % width}`;
        throw failure('FIELD_INVALID', {
          field: 'label map',
          reason: `${chosen[index]!.name} has class ${label} at ${place}, a map before it class ${together[pixel]}; name one of ${chosen.map((map) => map.name).join(', ')}`,
        });
      });
    }
    return together;
  }

  /** Mean spectrum `[bands]` and loadings `[components, bands]`. */
  async readPca(): Promise<{ mean: Float32Array; components: Float32Array }> {
    const [mean, components] = await Promise.all([this.readArray('pca/mean'), this.readArray('pca/components')]);
    return { mean: mean as Float32Array, components: components as Float32Array };
  }

  private async readArray(path: string): Promise<unknown> {
    try {
      const array = await zarr.open.v3(this.root.resolve(path), { kind: 'array' });
      return (await zarr.get(array)).data;
    } catch (error) {
      return this.explain(error);
    }
  }

  /** Arrays of a scene that was replaced are gone: what looks damaged may be old. @throws SCENE_CHANGED, or the error itself */
  private async explain(error: unknown): Promise<never> {
    const { name } = this.manifest;
    const isSame = await readPinned(this.store, name).then(
      ({ digest }) => digest === this.digest,
      (cause: unknown) => !HyperswapError.is(cause, 'SCENE_NOT_FOUND'),
    );
    throw isSame ? error : failure('SCENE_CHANGED', { scene: name }, error);
  }

  private chunk(row: number, column: number): Promise<Float32Array> {
    const key = `${row},${column}`;
    const cached = this.chunks.get(key);
    // Re-inserting keeps the map in order of use.
    this.chunks.delete(key);
    const chunk =
      cached ??
      this.scores.getChunk([row, column, 0]).then(
        ({ data }) => data,
        (error: unknown) => this.explain(error),
      );
    this.chunks.set(key, chunk);
    if (cached === undefined) {
      chunk.catch(() => this.chunks.delete(key));
      if (this.chunks.size > cachedChunks) this.chunks.delete(this.chunks.keys().next().value!);
    }
    return chunk;
  }
}

function mirrored(start: number, count: number, size: number): number[] {
  return Array.from({ length: count }, (_, i) => reflect(start + i, size));
}
