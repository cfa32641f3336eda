/** Features of training pixels, diffused along the walks of their scene. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { throwIfAborted } from '@hyperswap/errors';
import { walkEndsInThread, type SpectralEdges, type WalkEnds } from '@hyperswap/map';
import type { AdapterRecipe } from './fit-adapter.js';
import { makeNormalizer } from './normalizer.js';
import type { TrainingContext } from './training-context.js';

/** Multiplications between two turns of other work, a few milliseconds. */
const productsAtOnce = 4_000_000;

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
  const { scene, patchSize, train } = plan;
  const walks: (readonly WalkEnds[])[] = [];
  for (const reach of reaches) {
    const onProgress = (done: number, total: number): void => {
      report({ stage: `walks of reach ${reach}`, done, total, epoch: 0, loss: undefined });
    };
    walks.push(await walkEndsInThread(train.pixels, edges, { reach, signal, onProgress }));
  }
  const shares = sharesByPixel(walks);
  const pixels = [...shares.keys()].sort((a, b) => a - b);
  let sums: Float32Array[] = [];
  const scaling = makeNormalizer(normalizer, scene.statistics);
  let products = 0;
  for await (const { first, count, scores } of scenes.patches(scene, pixels, patchSize, signal)) {
    throwIfAborted(signal, 'Training');
    const features = await engine.call(
      'features',
      { digest: backbone.digest, precision, pooling: training.pooling, patchSize, normalizer: scaling, scores },
      { signal, transfer: [scores.buffer] },
    );
    const width = features.length / count;
    if (sums.length === 0) sums = reaches.map(() => new Float32Array(train.pixels.length * width));
    for (let place = 0; place < count; place++) {
      for (const { reach, row, share } of shares.get(pixels[first + place]!)!) {
        const sum = sums[reach]!;
        for (let f = 0; f < width; f++) sum[row * width + f]! += share * features[place * width + f]!;
        products += width;
      }
      if (products < productsAtOnce) continue;
      products = 0;
      await nextTurn();
    }
    report({ stage: 'features', done: first + count, total: pixels.length, epoch: 0, loss: undefined });
  }
  return sums;
}

/** Share of a pixel's features in those of a training pixel. */
interface Share {
  /** Place of the reach in the list of reaches. */
  readonly reach: number;
  /** Place of the training pixel. */
  readonly row: number;
  readonly share: number;
}

function sharesByPixel(walks: readonly (readonly WalkEnds[])[]): Map<number, Share[]> {
  const byPixel = new Map<number, Share[]>();
  walks.forEach((ends, reach) => {
    ends.forEach(({ pixels, weights }, row) => {
      pixels.forEach((pixel, place) => {
        const own = byPixel.get(pixel) ?? [];
        byPixel.set(pixel, own);
        own.push({ reach, row, share: weights[place]! });
      });
    });
  });
  return byPixel;
}
