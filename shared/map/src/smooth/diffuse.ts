/**
 * Diffusion along the walks of a scene: each pixel gets the mean of the values at the pixels where random walks from it
 * stop. Walks seldom leave a spectrum, so that noise within fields is averaged. The mean is linear, with weights whose
 * sum is 1: a linear head on diffused features has the diffused logits of the features.
 */
import { RandomWalk } from './random-walk.js';
import type { SpectralEdges } from './spectral-edges.js';

export interface DiffusionOptions {
  /** Distance in pixels that walks get within one spectrum; at 0 nothing changes. */
  readonly reach: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Diffuses values over a scene.
 *
 * @param values `[pixels, planes]`; finite
 * @returns the same at reach 0
 */
export function diffuse(
  values: Float32Array,
  edges: SpectralEdges,
  { reach, onProgress }: DiffusionOptions,
): Float32Array {
  if (reach === 0) return values;
  const pixels = edges.height * edges.width;
  const planes = values.length / pixels;
  const walk = new RandomWalk(edges, reach);
  const diffused = new Float32Array(values.length);
  for (let plane = 0; plane < planes; plane++) {
    onProgress?.(plane, planes);
    const own = Float64Array.from({ length: pixels }, (_, pixel) => values[pixel * planes + plane]!);
    walk.meanVotes(own).forEach((mean, pixel) => (diffused[pixel * planes + plane] = mean));
  }
  onProgress?.(planes, planes);
  return diffused;
}

/** Pixels where walks from one pixel stop, with their shares of the walks, whose sum is 1. */
export interface WalkEnds {
  readonly pixels: Int32Array;
  readonly weights: Float32Array;
}

/** Distance to which walks are followed, in reaches: less than one walk in a hundred stops beyond it. */
const followedReaches = 6;
/** Smallest share of walks that counts. */
const smallestShare = 1e-5;

/**
 * Returns the pixels where walks from some pixels stop. Walks are followed in a window around each pixel, so that the
 * work does not grow with the scene.
 *
 * @returns the pixels themselves at reach 0
 */
export function walkEnds(
  pixels: readonly number[],
  edges: SpectralEdges,
  { reach, onProgress }: DiffusionOptions,
): WalkEnds[] {
  if (reach === 0) return pixels.map((pixel) => ({ pixels: Int32Array.of(pixel), weights: Float32Array.of(1) }));
  const far = Math.ceil(followedReaches * reach);
  const { meanDistance } = edges;
  return pixels.map((pixel, done) => {
    onProgress?.(done, pixels.length);
    const [row, column] = [Math.floor(pixel / edges.width), pixel % edges.width];
    const [top, left] = [Math.max(0, row - far), Math.max(0, column - far)];
    const height = Math.min(edges.height, row + far + 1) - top;
    const width = Math.min(edges.width, column + far + 1) - left;
    const start = new Float64Array(height * width);
    start[(row - top) * width + column - left] = 1;
    // The walks are symmetric: the share that stops at a pixel is the share that would come from it.
    const near = edges.part({ row: top, column: left, height, width }, meanDistance);
    const shares = new RandomWalk(near, reach).meanVotes(start);
    const ends = [...shares.keys()].filter((place) => shares[place]! >= smallestShare);
    const sum = ends.reduce((all, place) => all + shares[place]!, 0);
    return {
      pixels: Int32Array.from(
        ends,
        (place) => (top + Math.floor(place / width)) * edges.width + left + (place % width),
      ),
      weights: Float32Array.from(ends, (place) => shares[place]! / sum),
    };
  });
}
