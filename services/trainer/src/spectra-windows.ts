import { failure } from '@hyperswap/errors';
import type { Scene } from '@hyperswap/proto';
import { reflect } from '@hyperswap/raster';
import type { LabelledPatches } from './engine/train.js';
import type { PatchBatch, SceneSource } from './scene-source.js';
import type { LabelledPixels, TrainingPlan } from './training-plan.js';

/** Pixels of a batch at most. */
const batchPixels = 256;
/** Values of the part of the scene that a batch is cut from, unless a single window is larger. */
const regionValues = 16 * 1024 * 1024;
/** Bytes of the windows, or of the scene, that a training keeps. */
const maximumTrainingBytes = 1024 ** 3;

/** Square windows of a scene's bands. */
export interface WindowShape {
  /** Side of a window in pixels, odd. */
  readonly side: number;
  /** Bands from 0, in order. */
  readonly bands: readonly number[];
}

/** Returns the bands of a scene that its wavelengths' flags call good; all where there are no flags. */
export function usableBands({ raster }: Scene): number[] {
  const { bands, goodBands } = raster!;
  return Array.from({ length: bands }, (_, band) => band).filter((band) => goodBands[band] !== false);
}

/**
 * Returns the spectra of the windows around pixels, `[pixels, side, side, bands]`, in the order of the pixels. Windows
 * are mirrored at the scene's border; pixels without data have the window's own spectrum.
 *
 * @param pixels best in ascending order, so that neighbours are read together
 * @throws SCENE_CHANGED, FIELD_INVALID when the scene keeps no bands
 */
export async function* spectraWindows(
  scenes: SceneSource,
  scene: Scene,
  pixels: readonly number[],
  { side, bands }: WindowShape,
  signal: AbortSignal,
): AsyncGenerator<PatchBatch> {
  const { height, width } = scene.raster!;
  const margin = (side - 1) / 2;
  const place = (pixel: number): readonly [number, number] => [Math.floor(pixel / width), pixel % width];
  for (let first = 0; first < pixels.length;) {
    const [row, column] = place(pixels[first]!);
    let region = { top: row, bottom: row, left: column, right: column };
    let end = first + 1;
    for (; end < Math.min(pixels.length, first + batchPixels); end++) {
      const [y, x] = place(pixels[end]!);
      const grown = {
        ...{ top: Math.min(region.top, y), bottom: Math.max(region.bottom, y) },
        ...{ left: Math.min(region.left, x), right: Math.max(region.right, x) },
      };
      const area = (grown.bottom - grown.top + side) * (grown.right - grown.left + side);
      if (area * bands.length > regionValues) break;
      region = grown;
    }
    const [top, left] = [Math.max(0, region.top - margin), Math.max(0, region.left - margin)];
    const window = {
      row: top,
      column: left,
      height: Math.min(height, region.bottom + margin + 1) - top,
      width: Math.min(width, region.right + margin + 1) - left,
    };
    const { values, valid } = await scenes.bands(scene, window, bands, signal);
    const scores = new Float32Array((end - first) * side * side * bands.length);
    for (let i = first, at = 0; i < end; i++) {
      const [y, x] = place(pixels[i]!);
      const middle = (y - top) * window.width + x - left;
      for (let dy = -margin; dy <= margin; dy++) {
        for (let dx = -margin; dx <= margin; dx++, at += bands.length) {
          const source = (reflect(y + dy, height) - top) * window.width + reflect(x + dx, width) - left;
          const pixel = valid[source] === 1 ? source : middle;
          scores.set(values.subarray(pixel * bands.length, (pixel + 1) * bands.length), at);
        }
      }
    }
    yield { first, count: end - first, scores };
    first = end;
  }
}

/**
 * Returns the windows of training pixels.
 *
 * @throws FIELD_INVALID if they are too many, or the scene keeps no bands; SCENE_CHANGED
 */
export async function gatherSpectra(
  scenes: SceneSource,
  scene: Scene,
  { pixels, labels }: LabelledPixels,
  shape: WindowShape,
  signal: AbortSignal,
): Promise<LabelledPatches> {
  checkSpectra(pixels.length, shape);
  const values = shape.side ** 2 * shape.bands.length;
  const scores = new Float32Array(pixels.length * values);
  for await (const { first, scores: some } of spectraWindows(scenes, scene, pixels, shape, signal)) {
    scores.set(some, first * values);
  }
  return { scores, labels };
}

/**
 * Returns the spectra of a whole scene, `[height, width, bands]`, and its mask, 1 for pixels with data.
 *
 * @throws FIELD_INVALID if they are too many, or the scene keeps no bands; SCENE_CHANGED
 */
export async function wholeScene(
  scenes: SceneSource,
  scene: Scene,
  bands: readonly number[],
  signal: AbortSignal,
): Promise<{ readonly values: Float32Array; readonly valid: Uint8Array }> {
  checkWholeScene(scene, bands.length);
  const { height, width } = scene.raster!;
  return scenes.bands(scene, { row: 0, column: 0, height, width }, bands, signal);
}

/**
 * Checks that a plan's spectra can be read and kept.
 *
 * @param side of the windows; undefined for a method that sees the whole scene
 * @throws FIELD_INVALID if not, SCENE_CHANGED
 */
export async function requireSpectra(
  scenes: SceneSource,
  { scene, train }: Pick<TrainingPlan, 'scene' | 'train'>,
  side: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const bands = usableBands(scene);
  if (side === undefined) checkWholeScene(scene, bands.length);
  else checkSpectra(train.pixels.length, { side, bands });
  await scenes.bands(scene, { row: 0, column: 0, height: 1, width: 1 }, bands.slice(0, 1), signal);
}

/** @throws FIELD_INVALID if all bands of all pixels exceed the memory of a training */
export function checkWholeScene({ raster }: Pick<Scene, 'raster'>, bands: number): void {
  const { height, width } = raster!;
  const most = Math.floor(maximumTrainingBytes / (4 * bands));
  if (height * width <= most) return;
  throw failure('FIELD_INVALID', {
    field: 'scene',
    reason: `the method keeps all bands of the scene in memory: ${height * width} pixels are more than ${most}`,
  });
}

/** @throws FIELD_INVALID if the windows of so many training pixels exceed the memory of a training */
export function checkSpectra(pixels: number, { side, bands }: WindowShape): void {
  const bytes = 4 * pixels * side ** 2 * bands.length;
  if (bytes <= maximumTrainingBytes) return;
  const most = Math.floor(maximumTrainingBytes / (bytes / pixels));
  throw failure('FIELD_INVALID', {
    field: 'split',
    reason: `the method keeps all bands around each training pixel in memory: ${pixels} pixels are more than ${most}`,
  });
}
