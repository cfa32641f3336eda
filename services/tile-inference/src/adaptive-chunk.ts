/** Classification of a chunk in adaptive mode: the model classifies some pixels, and the others are interpolated. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { addCounts, noCounts, Refinement, type AgreementCounts } from '@hyperswap/map';
import { gridWindows, placeWindow, type Window } from '@hyperswap/raster';
import type { TileLabels } from './tile-work.js';

/** Side of a block that is refined at once, in pixels. Interpolating one holds the thread for some milliseconds. */
const blockSide = 64;
/** Pixels of the random samples of a scene; a sample has at least 1 % of the pixels and at most 5 %. */
const sampleSize = 600;

export interface AdaptiveChunk {
  /** Size of the chunk in pixels. */
  readonly height: number;
  readonly width: number;
  readonly classes: number;
  /** Pixels with data, in ascending order; undefined for all. */
  readonly chosen: Int32Array | undefined;
  /** Share of pixels that shall have the label of the exact map. */
  readonly agreement: number;
  /** Pixels of the whole scene. */
  readonly scenePixels: number;
  /** Seed of the sample: the same chunk of the same scene has the same sample. */
  readonly seed: number;
}

/** Map of a chunk. */
export interface AdaptiveResult extends TileLabels {
  readonly counts: AgreementCounts;
}

/**
 * Classifies a chunk block by block.
 *
 * @param classify classifies pixels of the chunk, in ascending order, with the probabilities of all classes
 * @returns labels and probabilities of all pixels of the chunk; 0 for those without data
 * @throws errors of `classify`
 */
export async function classifyAdaptively(
  chunk: AdaptiveChunk,
  classify: (pixels: Int32Array) => Promise<TileLabels>,
): Promise<AdaptiveResult> {
  const { height, width, classes } = chunk;
  const size = height * width;
  const planes = {
    labels: new Uint8Array(size),
    confidence: new Uint8Array(size),
    probabilities: new Uint8Array(size * classes),
  };
  let counts = noCounts;
  for (const block of gridWindows({ height, width }, blockSide)) {
    const refinement = refinementOf(chunk, block);
    for (let pixels = refinement.next(); pixels !== undefined; pixels = refinement.next()) {
      const { labels, probabilities } = await classify(pixels.map((pixel) => pixelOfChunk(pixel, block, width)));
      refinement.add(pixels, labels, probabilities);
      // Other calls run between the rounds.
      await nextTurn();
    }
    const refined = refinement.result();
    placeWindow(planes.labels, width, block, refined.labels);
    placeWindow(planes.confidence, width, block, refined.confidence);
    placeWindow(planes.probabilities, width, block, refined.probabilities, classes);
    counts = addCounts(counts, refined.counts);
  }
  return { ...planes, counts };
}

function refinementOf(
  { width, classes, chosen, agreement, scenePixels, seed }: AdaptiveChunk,
  block: Window,
): Refinement {
  return new Refinement({
    height: block.height,
    width: block.width,
    classes,
    chosen: chosen && pixelsOfBlock(chosen, block, width),
    agreement,
    sampleShare: Math.max(0.01, Math.min(0.05, sampleSize / scenePixels)),
    seed: (seed + block.row * 65_536 + block.column) | 0,
  });
}

/** Returns the pixels of a chunk that lie in a block, as pixels of the block. */
function pixelsOfBlock(chosen: Int32Array, { row, column, height, width }: Window, chunkWidth: number): Int32Array {
  return chosen
    .filter((pixel) => {
      const [y, x] = [Math.floor(pixel / chunkWidth) - row, (pixel % chunkWidth) - column];
      return y >= 0 && y < height && x >= 0 && x < width;
    })
    .map((pixel) => (Math.floor(pixel / chunkWidth) - row) * width + (pixel % chunkWidth) - column);
}

function pixelOfChunk(pixel: number, { row, column, width }: Window, chunkWidth: number): number {
  return (row + Math.floor(pixel / width)) * chunkWidth + column + (pixel % width);
}
