import { failure, HyperswapError } from '@hyperswap/errors';
import { placeWindow, type Window } from '@hyperswap/raster';
import { SceneServiceClient, type Scene, type Split as SplitMessage } from '@hyperswap/proto';
import { bandValues, callUnary, connect, readStream, type ClientAccess } from '@hyperswap/rpc';
import {
  splitAll,
  splitByBlocks,
  splitByMaps,
  splitCounts,
  splitFraction,
  splitPerClass,
  type Split,
} from '@hyperswap/splits';

/** Patches of one batch of a stream. */
export interface PatchBatch {
  /** Place of the first patch in the list of pixels. */
  readonly first: number;
  readonly count: number;
  /** `[count, patchSize, patchSize, components]` */
  readonly scores: Float32Array;
}

/** Connection to the preprocessing service: its address and credentials. */
export interface PreprocessingAddress {
  readonly endpoint: string;
  readonly access: ClientAccess;
}

/** Pixels per StreamPatches call, below the service's limit. */
const pixelsPerCall = 100_000;
const defaultBlockSize = 16;
const defaultTrainShare = 0.3;

/** Prepared scenes, read from the preprocessing service. */
export class SceneSource {
  private readonly client: SceneServiceClient;

  constructor({ endpoint, access }: PreprocessingAddress) {
    this.client = connect(SceneServiceClient, endpoint, access);
  }

  /**
   * Returns a scene. Later reads return the same content, or fail.
   *
   * @param digest content that is meant; undefined or empty for any
   * @throws SCENE_NOT_FOUND; SCENE_CHANGED when it has another content than the one that is meant, or is gone
   */
  async scene(name: string, digest: string | undefined, signal: AbortSignal): Promise<Scene> {
    const isPinned = digest !== undefined && digest !== '';
    const request = { name, sceneDigest: isPinned ? digest : undefined };
    const { scene } = await callUnary(this.client, 'getScene', request, { signal }).catch((error: unknown) => {
      if (!isPinned || !HyperswapError.is(error, 'SCENE_NOT_FOUND')) throw error;
      throw failure('SCENE_CHANGED', { scene: name }, error);
    });
    if (isPinned && scene!.digest !== digest) throw failure('SCENE_CHANGED', { scene: name });
    return scene!;
  }

  /** Returns the mean spectrum `[bands]` and the loadings `[components, bands]`. @throws SCENE_CHANGED */
  async pca(scene: Scene, signal: AbortSignal): Promise<{ mean: Float32Array; components: Float32Array }> {
    const { mean, components } = await callUnary(this.client, 'getPca', contentOf(scene), { signal });
    return { mean: Float32Array.from(mean), components: Float32Array.from(components) };
  }

  /**
   * @param usualGuard pixels of the band around training blocks, where the split names none
   * @throws SPLIT_INVALID, SCENE_CHANGED, FIELD_INVALID when the scene has no such labels
   */
  async split(scene: Scene, split: SplitMessage | undefined, usualGuard: number, signal: AbortSignal): Promise<Split> {
    if (split?.kind === undefined) throw failure('FIELD_INVALID', { field: 'split', reason: 'it is missing' });
    const labels = (labelMap: string): Promise<Uint8Array> => this.labels(scene, labelMap, signal);
    const { kind } = split;
    switch (kind.$case) {
      case 'labelMaps': {
        const { train, test } = kind.value;
        return splitByMaps({ name: train, labels: await labels(train) }, { name: test, labels: await labels(test) });
      }
      case 'perClass': {
        const { labelMap, count, smallCount, counts, seed } = kind.value;
        if (counts.length > 0) return splitCounts(await labels(labelMap), counts, seed);
        return splitPerClass(await labels(labelMap), count, smallCount || count, seed);
      }
      case 'fraction':
        return splitFraction(await labels(kind.value.labelMap), kind.value.share, kind.value.seed);
      case 'all':
        return splitAll(await labels(kind.value.labelMap));
      case 'blocks': {
        const { labelMap, blockSize, trainShare, limit, guard, seed } = kind.value;
        return splitByBlocks(await labels(labelMap), scene.raster!.width, {
          blockSize: blockSize || defaultBlockSize,
          trainShare: trainShare || defaultTrainShare,
          limit,
          guard: guard || usualGuard,
          seed,
        });
      }
    }
  }

  /** Returns a label map of a scene, `[height, width]`; an empty name merges all of them. @throws SCENE_CHANGED */
  async labels(scene: Scene, labelMap: string, signal: AbortSignal): Promise<Uint8Array> {
    const { height, width } = scene.raster!;
    const all = new Uint8Array(height * width);
    const call = this.client.readLabels({ ...contentOf(scene), labelMap, window: undefined });
    for await (const { window, labels } of readStream(this.client, call, signal)) {
      placeWindow(all, width, window!, labels);
    }
    return all;
  }

  /** Returns patches around pixels, in the order of the pixels. @throws SCENE_CHANGED */
  async *patches(
    scene: Scene,
    pixels: readonly number[],
    patchSize: number,
    signal: AbortSignal,
  ): AsyncGenerator<PatchBatch> {
    for (let start = 0; start < pixels.length; start += pixelsPerCall) {
      const some = pixels.slice(start, start + pixelsPerCall);
      const call = this.client.streamPatches({ ...contentOf(scene), patchSize, pixels: some, batchSize: 0 });
      for await (const { first, count, scores } of readStream(this.client, call, signal)) {
        yield { first: start + first, count, scores: new Float32Array(new Uint8Array(scores).buffer) };
      }
    }
  }

  /**
   * Returns all scores of a scene, `[height, width, components]`, and its mask, `[height, width]`, 1 for pixels with
   * data.
   *
   * @throws SCENE_CHANGED
   */
  async allScores(
    scene: Scene,
    signal: AbortSignal,
  ): Promise<{ readonly scores: Float32Array; readonly valid: Uint8Array }> {
    const { raster, components } = scene;
    const { height, width } = raster!;
    const all = new Float32Array(height * width * components);
    const valid = new Uint8Array(height * width).fill(1);
    const call = this.client.streamTiles({ ...contentOf(scene), tileSize: 256, halo: 0, window: undefined });
    for await (const { window, scores, mask } of readStream(this.client, call, signal)) {
      if (mask.length > 0) placeWindow(valid, width, window!, mask);
      placeWindow(all, width, window!, new Float32Array(new Uint8Array(scores).buffer), components);
    }
    return { scores: all, valid };
  }

  /**
   * Returns bands of a part of a scene, `[height, width, bands]`, and its mask, 1 for pixels with data.
   *
   * @param bands from 0
   * @throws SCENE_CHANGED, FIELD_INVALID when the scene keeps no bands
   */
  async bands(
    scene: Scene,
    part: Window,
    bands: readonly number[],
    signal: AbortSignal,
  ): Promise<{ readonly values: Float32Array; readonly valid: Uint8Array }> {
    const all = new Float32Array(part.height * part.width * bands.length);
    const valid = new Uint8Array(part.height * part.width);
    const call = this.client.readBands({ ...contentOf(scene), bands: [...bands], window: part });
    for await (const { window, pixelType, values, mask } of readStream(this.client, call, signal)) {
      const place = { ...window!, row: window!.row - part.row, column: window!.column - part.column };
      placeWindow(valid, part.width, place, mask);
      placeWindow(all, part.width, place, bandValues(values, pixelType), bands.length);
    }
    return { values: all, valid };
  }

  close(): void {
    this.client.close();
  }
}

/** Returns what a request says of a scene whose content is known. */
function contentOf({ name, digest }: Scene): { readonly scene: string; readonly sceneDigest: string } {
  return { scene: name, sceneDigest: digest };
}
