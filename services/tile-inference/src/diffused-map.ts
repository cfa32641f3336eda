/**
 * Maps of adapters with diffused features: the chunks of a job hold logits, which are diffused over the whole scene at
 * the end.
 */
import { failure, throwIfAborted } from '@hyperswap/errors';
import { classifyDiffusedInThread, type PixelClasses } from '@hyperswap/map';
import { placeWindow } from '@hyperswap/raster';
import type { ObjectStore } from '@hyperswap/storage';
import { chunkCount, chunkKey, chunkWindow, type SceneJob } from './scene-job.js';
import { sceneEdges } from './scene-edges.js';

/** Largest number of logits of a map: they and their copies stay below a gigabyte. */
const maximumLogits = 32_000_000;

/** @throws FIELD_INVALID for a scene whose logits do not fit into memory */
export function requireDiffusible(scene: string, pixels: number, classes: number): void {
  if (pixels * classes <= maximumLogits) return;
  const largest = Math.floor(maximumLogits / classes);
  const reason = `${scene} has ${pixels} pixels, and the adapter diffuses ${classes} classes over at most ${largest}: cut it into several scenes`;
  throw failure('FIELD_INVALID', { field: 'scene', reason });
}

/** Key of a chunk's logits, float32, `[pixels of the chunk, classes]`. @param objects of the job */
export function logitsKey(objects: string, index: number): string {
  return `${objects}logits/${index}`;
}

/**
 * Diffuses the logits of all chunks along the walks of the scene, in a worker thread, and writes the chunks of the map.
 * The head is linear, so that these are the logits of diffused features. The result does not depend on the chunks.
 *
 * @throws SCENE_CHANGED, CANCELLED
 */
export async function diffuseMap(
  store: ObjectStore,
  objects: string,
  job: SceneJob & { readonly diffusion: number },
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (done: number, total: number) => void },
): Promise<void> {
  const { width, height, classes, diffusion: reach } = job;
  const whole = new Float32Array(height * width * classes);
  for (let index = 0; index < chunkCount(job); index++) {
    throwIfAborted(signal, 'Diffusing a map');
    const logits = await store.get(logitsKey(objects, index));
    const values = new Float32Array(new Uint8Array(logits).buffer);
    placeWindow(whole, width, chunkWindow(job, index), values, classes);
  }
  const { edges, mask } = await sceneEdges(store, job, signal);
  const map = await classifyDiffusedInThread(whole, classes, edges, { reach, signal, onProgress });
  for (let index = 0; index < chunkCount(job); index++) {
    throwIfAborted(signal, 'Diffusing a map');
    await store.put(chunkKey(objects, index), chunkOf(job, index, map, mask));
  }
}

/** Returns a chunk of the map as it is stored: labels, confidence, then probabilities where they are kept. */
function chunkOf(job: SceneJob, index: number, map: PixelClasses, mask: Uint8Array | undefined): Buffer {
  const { classes, probabilities: areKept } = job;
  const window = chunkWindow(job, index);
  const pixels = window.height * window.width;
  const bytes = Buffer.alloc(pixels * (2 + (areKept ? classes : 0)));
  for (let place = 0; place < pixels; place++) {
    const [row, column] = [window.row + Math.floor(place / window.width), window.column + (place % window.width)];
    const pixel = row * job.width + column;
    if (mask?.[pixel] === 0) continue;
    bytes[place] = map.labels[pixel]!;
    bytes[pixels + place] = map.confidence[pixel]!;
    if (!areKept) continue;
    const shares = map.probabilities.subarray(pixel * classes, (pixel + 1) * classes);
    bytes.set(shares, 2 * pixels + place * classes);
  }
  return bytes;
}
