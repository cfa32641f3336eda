import { failure, HyperswapError, throwIfAborted } from '@hyperswap/errors';
import { reflect, type Window } from '@hyperswap/raster';
import type { ObjectStore } from '@hyperswap/storage';
import * as zarr from 'zarrita';
import { chunkSide, type StoredArray } from '../layout.js';
import { readEarlier, readPinned, type SceneManifest } from './manifest.js';
import { readLookupChunk } from './lookup-table.js';
import { lookupChunkRows } from './scene-arrays.js';
import { ZarrStore } from './zarr-store.js';

/** Decoded chunks kept in memory, about 200 KB each. */
const cachedChunks = 256;

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

  /** Opens the scene that has a name now. @throws SCENE_NOT_FOUND, OBJECT_DAMAGED */
  static async open(store: ObjectStore, name: string): Promise<PreparedScene> {
    const { manifest, digest } = await readPinned(store, name);
    const root = zarr.root(new ZarrStore(store, manifest.arrays, 'complete'));
    try {
      const scores = await openArray(root, manifest, 'scores');
      return new PreparedScene(store, manifest, digest, root, scores as zarr.Array<'float32', ZarrStore>);
    } catch (error) {
      // Objects that look damaged are gone if another scene took their place since the manifest was read.
      const now = await readPinned(store, name);
      if (now.manifest.arrays === manifest.arrays) throw error;
      return PreparedScene.open(store, name);
    }
  }

  /**
   * Opens a scene for work that began with a content of it, and keeps to that. Label maps that were added meanwhile are
   * left out.
   *
   * @param digest of that content
   * @throws SCENE_CHANGED when the scene was replaced since, or is gone; OBJECT_DAMAGED
   */
  static async openPinned(store: ObjectStore, name: string, digest: string): Promise<PreparedScene> {
    const scene = await PreparedScene.open(store, name).catch((error: unknown) => {
      throw HyperswapError.is(error, 'SCENE_NOT_FOUND') ? failure('SCENE_CHANGED', { scene: name }, error) : error;
    });
    return scene.at(digest);
  }

  /**
   * Returns the scene with a content that it had before label maps were added.
   *
   * @param digest of that content
   * @throws SCENE_CHANGED when it is another scene's
   */
  async at(digest: string): Promise<PreparedScene> {
    if (this.digest === digest) return this;
    const earlier = await readEarlier(this.store, this.manifest, digest);
    if (earlier === undefined) throw failure('SCENE_CHANGED', { scene: this.manifest.name });
    return new PreparedScene(this.store, earlier, digest, this.root, this.scores);
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
   * A label map; without a name what all of the scene's label together.
   *
   * @param window that is wanted; all by default
   * @returns `[window.height, window.width]`, one byte a pixel
   * @throws FIELD_INVALID when the scene has no such map, or, without a name, its maps name different classes for a
   * pixel; OBJECT_DAMAGED, SCENE_CHANGED
   */
  async readLabels(name?: string, window: Window = this.whole()): Promise<Uint8Array> {
    const { labelMaps } = this.manifest;
    const chosen = labelMaps.filter((map) => name === undefined || map.name === name);
    if (chosen.length === 0) {
      const available = labelMaps.map((map) => map.name).join(', ') || 'none';
      throw failure('FIELD_INVALID', {
        field: 'label map',
        reason: `scene ${this.manifest.name} has no label map ${name ?? ''}; it has ${available}`,
      });
    }
    const maps = await Promise.all(chosen.map((map) => this.readPixels(`labels/${map.name}`, window)));
    const together = maps[0]!;
    for (const [index, map] of maps.entries()) {
      if (index === 0) continue;
      for (let pixel = 0; pixel < map.length; pixel++) {
        const label = map[pixel]!;
        if (label === 0) continue;
        if (together[pixel] === 0) together[pixel] = label;
        if (together[pixel] === label) continue;
        const row = window.row + Math.floor(pixel / window.width);
        const column = window.column + (pixel % window.width);
        throw failure('FIELD_INVALID', {
          field: 'label map',
          reason: `${chosen[index]!.name} has class ${label} at row ${row}, column ${column}, a map before it class ${together[pixel]}; name one of ${chosen.map((map) => map.name).join(', ')}`,
        });
      }
    }
    return together;
  }

  /**
   * Mask of a window: 1 for pixels with data.
   *
   * @returns `[window.height, window.width]`; undefined where all pixels of the scene hold data
   * @throws OBJECT_DAMAGED, SCENE_CHANGED
   */
  async readMask(window: Window): Promise<Uint8Array | undefined> {
    const { validPixels, height, width } = this.manifest;
    return validPixels === height * width ? undefined : this.readPixels('mask', window);
  }

  /**
   * Rows of the lookup table.
   *
   * @returns pixel on each cell (row · width + column), `[rows, width of the map]`; -1 where there is none
   * @throws FIELD_INVALID when the scene has no such rows; OBJECT_DAMAGED
   */
  async readLookupRows(row: number, rows: number): Promise<Int32Array> {
    const { name, lookupTable, arrays } = this.manifest;
    if (lookupTable === undefined) {
      const reason = `scene ${name} has no lookup table: it is a map itself`;
      throw failure('FIELD_INVALID', { field: 'scene', reason });
    }
    const { height, width } = lookupTable;
    if (row + rows > height) {
      throw failure('FIELD_INVALID', { field: 'row', reason: `the table has ${height} rows` });
    }
    const found = new Int32Array(rows * width);
    const chunkRows = lookupChunkRows(lookupTable);
    for (let done = 0; done < rows;) {
      const chunk = Math.floor((row + done) / chunkRows);
      const first = row + done - chunk * chunkRows;
      const count = Math.min(chunkRows - first, rows - done);
      const cells = await readLookupChunk(this.store, arrays, lookupTable, chunk);
      found.set(cells.subarray(first * width, (first + count) * width), done * width);
      done += count;
    }
    return found;
  }

  /**
   * Pixels of a window as they were prepared.
   *
   * @param bands that are wanted, in this order; all by default
   * @returns `[window.height, window.width, bands]`
   * @throws OBJECT_DAMAGED, SCENE_CHANGED, CANCELLED
   */
  async readBands(
    { row, column, height, width }: Window,
    bands?: readonly number[],
    signal?: AbortSignal,
  ): Promise<StoredArray> {
    throwIfAborted(signal, 'Reading the scene');
    const slices = [zarr.slice(row, row + height), zarr.slice(column, column + width), null];
    const all = (await this.readArray('bands', slices)) as StoredArray;
    if (bands === undefined) return all;
    const count = this.manifest.bands;
    const chosen = all.slice(0, height * width * bands.length);
    for (let pixel = 0, place = 0; pixel < height * width; pixel++) {
      for (const band of bands) chosen[place++] = all[pixel * count + band]!;
    }
    return chosen;
  }

  /** Mean spectrum `[bands]` and loadings `[components, bands]`. */
  async readPca(): Promise<{ mean: Float32Array; components: Float32Array }> {
    const [mean, components] = await Promise.all([this.readArray('pca/mean'), this.readArray('pca/components')]);
    return { mean: mean as Float32Array, components: components as Float32Array };
  }

  private whole(): Window {
    const { height, width } = this.manifest;
    return { row: 0, column: 0, height, width };
  }

  /** Reads a window of an array of one byte a pixel. */
  private async readPixels(path: string, { row, column, height, width }: Window): Promise<Uint8Array> {
    const slices = [zarr.slice(row, row + height), zarr.slice(column, column + width)];
    return (await this.readArray(path, slices)) as Uint8Array;
  }

  private async readArray(path: string, slices?: (zarr.Slice | null)[]): Promise<unknown> {
    try {
      const array = await openArray(this.root, this.manifest, path);
      return (await zarr.get(array, slices)).data;
    } catch (error) {
      return this.explain(path, error);
    }
  }

  /**
   * Arrays of a scene that was replaced are gone: what looks damaged may be old.
   *
   * @throws SCENE_CHANGED, OBJECT_DAMAGED, or the error itself
   */
  private async explain(path: string, error: unknown): Promise<never> {
    const { name, arrays } = this.manifest;
    const isSame = await readPinned(this.store, name).then(
      ({ manifest }) => manifest.arrays === arrays,
      (cause: unknown) => !HyperswapError.is(cause, 'SCENE_NOT_FOUND'),
    );
    throw isSame ? damaged(this.manifest, path, error) : failure('SCENE_CHANGED', { scene: name }, error);
  }

  private chunk(row: number, column: number): Promise<Float32Array> {
    const key = `${row},${column}`;
    const cached = this.chunks.get(key);
    // Re-inserting keeps the map in order of use.
    this.chunks.delete(key);
    const chunk =
      cached ??
      this.scores
        .getChunk([row, column, 0])
        .then(({ data }) => {
          if (data.length === chunkSide ** 2 * this.manifest.components) return data;
          throw new Error(`chunk ${row}, ${column} has ${data.length} values`);
        })
        .catch((error: unknown) => this.explain('scores', error));
    this.chunks.set(key, chunk);
    if (cached === undefined) {
      chunk.catch(() => this.chunks.delete(key));
      if (this.chunks.size > cachedChunks) this.chunks.delete(this.chunks.keys().next().value!);
    }
    return chunk;
  }
}

/** Opens an array of a scene. @throws OBJECT_DAMAGED */
async function openArray(
  root: zarr.Location<ZarrStore>,
  manifest: SceneManifest,
  path: string,
): Promise<zarr.Array<zarr.DataType, ZarrStore>> {
  return zarr.open.v3(root.resolve(path), { kind: 'array' }).catch((error: unknown) => {
    throw damaged(manifest, path, error);
  });
}

/** Returns the error of an array that cannot be read; errors of the catalogue stay as they are. */
function damaged({ arrays }: SceneManifest, path: string, error: unknown): unknown {
  if (error instanceof HyperswapError) return error;
  return failure('OBJECT_DAMAGED', { key: `${arrays}/${path}`, reason: (error as Error).message }, error);
}

function mirrored(start: number, count: number, size: number): number[] {
  return Array.from({ length: count }, (_, i) => reflect(start + i, size));
}
