/**
 * Walks of a scene for a measurement. In a split by blocks no walk gets from the land of the training pixels to that of
 * the test pixels, nor back.
 */
import { failure } from '@hyperswap/errors';
import { SpectralEdges } from '@hyperswap/map';
import type { Scene } from '@hyperswap/proto';
import { blockOf, distancesToTraining } from '@hyperswap/splits';
import type { TrainingContext } from './training-context.js';
import type { TrainingPlan } from './training-plan.js';

/** Largest scene whose walks are followed, in pixels: they take some 100 bytes a pixel. */
const maximumPixels = 4_000_000;

/** Walks of a whole scene, as in serving. */
export interface SceneWalks {
  readonly edges: SpectralEdges;
  /** 1 for pixels with data. */
  readonly valid: Uint8Array;
}

/** Walks of a scene that keep the sides of a split apart. */
export interface SplitWalks extends SceneWalks {
  /** 1 for pixels with data whose walks may end at a test pixel. */
  readonly tested: Uint8Array;
}

interface Shape {
  readonly height: number;
  readonly width: number;
}

/** @throws FIELD_INVALID for a scene that is too large to follow its walks */
export function requireWalkable({ name, raster }: Scene): void {
  const { height, width } = raster!;
  if (height * width <= maximumPixels) return;
  const reason = `${name} has ${height * width} pixels, more than the ${maximumPixels} whose walks fit into memory`;
  throw failure('FIELD_INVALID', { field: 'setting diffuse', reason });
}

/** Reads a scene and returns its walks. @throws FIELD_INVALID for a scene that is too large */
export async function sceneWalks(scene: Scene, context: TrainingContext): Promise<SceneWalks> {
  const { height, width } = scene.raster!;
  requireWalkable(scene);
  const { scores, valid } = await context.scenes.allScores(scene, context.signal);
  const edges = SpectralEdges.of({ height, width }, scores, scene.components);
  edges.cut(valid);
  edges.keepMeanDistance();
  return { edges, valid };
}

/**
 * Returns the walks that measure a plan. In a split by blocks the guard band belongs to the training side. The widths
 * of edges count against those of the whole scene, as in serving.
 */
export async function measuringWalks({ edges, valid }: SceneWalks, plan: TrainingPlan): Promise<SplitWalks> {
  const { blockSize, train, test } = plan;
  if (blockSize === 0) return { edges, valid, tested: valid };
  const own = SpectralEdges.from(edges.values());
  const beyond = await beyondGuard(edges, blockSize, train.pixels, test.pixels);
  own.separate(beyond);
  return { edges: own, valid, tested: valid.map((isValid, pixel) => isValid & beyond[pixel]!) };
}

/** Returns 1 for pixels that are as far from the training blocks as the nearest test pixel or farther, else 0. */
export async function beyondGuard(
  shape: Shape,
  blockSize: number,
  train: readonly number[],
  test: readonly number[],
): Promise<Uint8Array> {
  const distances = await distancesToBlocks(shape, blockSize, train);
  const nearest = test.reduce((least, pixel) => Math.min(least, distances[pixel]!), Infinity);
  return Uint8Array.from(distances, (distance) => Number(distance >= nearest));
}

/**
 * Returns the walks of a fold that chooses settings: none gets from the blocks of held-back pixels and the guard around
 * them to the other land, nor back.
 *
 * @param held pixels that are held back
 * @param guard in pixels
 */
export async function foldWalks(
  edges: SpectralEdges,
  blockSize: number,
  held: readonly number[],
  guard: number,
): Promise<SpectralEdges> {
  const own = SpectralEdges.from(edges.values());
  const distances = await distancesToBlocks(edges, blockSize, held);
  own.separate(Uint8Array.from(distances, (distance) => Number(distance <= guard)));
  return own;
}

/** Returns the Chebyshev distance in pixels of every pixel to the blocks of some pixels; 0 inside of them. */
async function distancesToBlocks(
  shape: Shape,
  blockSize: number,
  pixels: readonly number[],
): Promise<ArrayLike<number> & Iterable<number>> {
  const all = Array.from({ length: shape.height * shape.width }, (_, pixel) => pixel);
  const blocks = new Set(pixels.map((pixel) => blockOf(pixel, shape.width, blockSize)));
  const inside = all.filter((pixel) => blocks.has(blockOf(pixel, shape.width, blockSize)));
  return distancesToTraining(inside, all, shape);
}
