/** Features of training pixels, diffused along the walks of their scene. */
import { throwIfAborted } from '@hyperswap/errors';
import { walkEndsInThread, type SpectralEdges, type WalkEnds } from '@hyperswap/map';
import type { AdapterRecipe } from './adapter-recipe.js';
import type { PatchShares } from './engine/sum-features.js';
import { makeNormalizer } from './normalizer.js';
import type { TrainingContext } from './training-context.js';
import { trainingPixels } from './training-plan.js';

/** Walks of one reach. */
export interface Walks {
  readonly edges: SpectralEdges;
  /** In pixels; 0 averages nothing. */
  readonly reach: number;
}

/**
 * Returns diffused features of a plan's training pixels for several walks of its scene. Each pixel's features are
 * computed once for all of them.
 *
 * @returns for each of the walks `[training pixels, pooledWidth]`
 */
export async function diffusedFeatures(
  { plan, backbone, precision, normalizer, training }: AdapterRecipe,
  walks: readonly Walks[],
  context: TrainingContext,
): Promise<Float32Array[]> {
  const { scenes, signal, report, engine } = context;
  const { scene, patchSize } = plan;
  const trained = trainingPixels(plan).pixels;
  const ends: (readonly WalkEnds[])[] = [];
  for (const { edges, reach } of walks) {
    const onProgress = (done: number, total: number): void => {
      report({ stage: `walks of reach ${reach}`, done, total, epoch: 0, loss: undefined });
    };
    ends.push(await walkEndsInThread(trained, edges, { reach, signal, onProgress }));
  }
  const { height, width } = scene.raster!;
  const shares = new SharesByPixel(ends, trained.length, height * width);
  const { pixels } = shares;
  const name = crypto.randomUUID();
  const request = {
    ...{ name, digest: backbone.digest, precision, pooling: training.pooling, patchSize },
    ...{ normalizer: makeNormalizer(normalizer, scene.statistics), rows: walks.length * trained.length },
  };
  let sums: Float32Array = new Float32Array(0);
  try {
    for await (const { first, count, scores } of scenes.patches(scene, pixels, patchSize, signal)) {
      throwIfAborted(signal, 'Training');
      const parts = shares.ofBatch(first, count);
      await engine.call('sumFeatures', { ...request, scores, parts }, { signal, transfer: [scores.buffer] });
      report({ stage: 'features', done: first + count, total: pixels.length, epoch: 0, loss: undefined });
    }
  } finally {
    sums = await engine.call('takeSums', { name });
  }
  const length = sums.length / walks.length;
  return walks.map((_, place) => sums.subarray(place * length, (place + 1) * length));
}

/** Shares of pixels' features in sums, pixel by pixel: sums of the first walks, then of the second. */
class SharesByPixel {
  /** Pixels whose features are needed, in ascending order. */
  readonly pixels: number[];
  /** First share of each pixel, and the number of shares at the end. */
  private readonly starts: Int32Array;
  private readonly rows: Int32Array;
  private readonly shares: Float32Array;

  /** @param rows sums of the same walks @param area pixels of the scene */
  constructor(walks: readonly (readonly WalkEnds[])[], rows: number, area: number) {
    const counts = new Int32Array(area);
    for (const { pixels } of walks.flat()) for (const pixel of pixels) counts[pixel]! += 1;
    this.pixels = [...counts.keys()].filter((pixel) => counts[pixel]! > 0);
    this.starts = new Int32Array(this.pixels.length + 1);
    const next = new Int32Array(area);
    this.pixels.forEach((pixel, place) => {
      next[pixel] = this.starts[place]!;
      this.starts[place + 1] = next[pixel] + counts[pixel]!;
    });
    const count = this.starts.at(-1)!;
    this.rows = new Int32Array(count);
    this.shares = new Float32Array(count);
    walks.forEach((ends, turn) => {
      ends.forEach(({ pixels, weights }, row) => {
        pixels.forEach((pixel, end) => {
          const place = next[pixel]!++;
          this.rows[place] = turn * rows + row;
          this.shares[place] = weights[end]!;
        });
      });
    });
  }

  /** Returns the shares of a batch. @param first place of its first pixel in `pixels` */
  ofBatch(first: number, count: number): PatchShares {
    const [from, to] = [this.starts[first]!, this.starts[first + count]!];
    const patches = new Int32Array(to - from);
    for (let patch = 0; patch < count; patch++) {
      patches.fill(patch, this.starts[first + patch]! - from, this.starts[first + patch + 1]! - from);
    }
    return { patches, rows: this.rows.slice(from, to), shares: this.shares.slice(from, to) };
  }
}
