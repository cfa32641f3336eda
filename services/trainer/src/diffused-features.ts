/** Features of training pixels, diffused along the walks of their scene. */
import { throwIfAborted } from '@hyperswap/errors';
import { walkEndsInThread, type SpectralEdges, type WalkEnds } from '@hyperswap/map';
import type { AdapterRecipe } from './adapter-recipe.js';
import type { PatchShares } from './engine/sum-features.js';
import { makeNormalizer } from './normalizer.js';
import type { TrainingContext } from './training-context.js';
import { trainingPixels } from './training-plan.js';

/**
 * Returns diffused features of a plan's training pixels for several reaches. Each pixel's features are computed once
 * for all reaches.
 *
 * @returns for each reach `[training pixels, pooledWidth]`
 */
export async function diffusedFeatures(
  { plan, backbone, precision, normalizer, training }: AdapterRecipe,
  edges: SpectralEdges,
  reaches: readonly number[],
  context: TrainingContext,
): Promise<Float32Array[]> {
  const { scenes, signal, report, engine } = context;
  const { scene, patchSize } = plan;
  const trained = trainingPixels(plan).pixels;
  const walks: (readonly WalkEnds[])[] = [];
  for (const reach of reaches) {
    const onProgress = (done: number, total: number): void => {
      report({ stage: `walks of reach ${reach}`, done, total, epoch: 0, loss: undefined });
    };
    walks.push(await walkEndsInThread(trained, edges, { reach, signal, onProgress }));
  }
  const shares = sharesByPixel(walks, trained.length);
  const pixels = [...shares.keys()].sort((a, b) => a - b);
  const name = crypto.randomUUID();
  const request = {
    ...{ name, digest: backbone.digest, precision, pooling: training.pooling, patchSize },
    ...{ normalizer: makeNormalizer(normalizer, scene.statistics), rows: reaches.length * trained.length },
  };
  let sums: Float32Array = new Float32Array(0);
  try {
    for await (const { first, count, scores } of scenes.patches(scene, pixels, patchSize, signal)) {
      throwIfAborted(signal, 'Training');
      const parts = joined(pixels.slice(first, first + count).map((pixel) => shares.get(pixel)!));
      await engine.call('sumFeatures', { ...request, scores, parts }, { signal, transfer: [scores.buffer] });
      report({ stage: 'features', done: first + count, total: pixels.length, epoch: 0, loss: undefined });
    }
  } finally {
    sums = await engine.call('takeSums', { name });
  }
  const length = sums.length / reaches.length;
  return reaches.map((_, reach) => sums.subarray(reach * length, (reach + 1) * length));
}

/** Share of a pixel's features in a sum. */
interface Share {
  readonly row: number;
  readonly share: number;
}

/** Returns the shares of each pixel: sums of the first reach, then of the second. @param rows of one reach */
function sharesByPixel(walks: readonly (readonly WalkEnds[])[], rows: number): Map<number, Share[]> {
  const byPixel = new Map<number, Share[]>();
  walks.forEach((ends, reach) => {
    ends.forEach(({ pixels, weights }, row) => {
      pixels.forEach((pixel, place) => {
        const own = byPixel.get(pixel) ?? [];
        byPixel.set(pixel, own);
        own.push({ row: reach * rows + row, share: weights[place]! });
      });
    });
  });
  return byPixel;
}

/** Returns the shares of a batch, patch by patch. */
function joined(byPatch: readonly (readonly Share[])[]): PatchShares {
  const count = byPatch.reduce((sum, { length }) => sum + length, 0);
  const parts = { patches: new Int32Array(count), rows: new Int32Array(count), shares: new Float32Array(count) };
  let place = 0;
  for (const [patch, own] of byPatch.entries()) {
    for (const { row, share } of own) {
      parts.patches[place] = patch;
      parts.rows[place] = row;
      parts.shares[place++] = share;
    }
  }
  return parts;
}
