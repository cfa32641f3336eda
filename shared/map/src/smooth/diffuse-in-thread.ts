import type { PixelClasses } from './classify-logits.js';
import type { WalkEnds } from './diffuse.js';
import { inThread, type ThreadOptions } from './in-thread.js';
import type { EdgeValues, SpectralEdges } from './spectral-edges.js';

const thread = new URL('./diffusion-thread.js', import.meta.url);

/** Input of the thread: values to diffuse, logits to diffuse and classify, or pixels whose walks are followed. */
export type DiffusionOrder = { readonly edges: EdgeValues; readonly reach: number } & (
  | { readonly values: Float32Array }
  | { readonly logits: Float32Array; readonly classes: number }
  | { readonly pixels: readonly number[] }
);

/** Diffuses values as `diffuse` does, in a worker thread that ends with the signal. @throws the signal's reason */
export async function diffuseInThread(
  values: Float32Array,
  edges: SpectralEdges,
  { reach, ...options }: ThreadOptions & { readonly reach: number },
): Promise<Float32Array> {
  if (reach === 0) return values;
  return inThread(thread, { edges: edges.values(), reach, values } satisfies DiffusionOrder, options);
}

/**
 * Diffuses the logits of a scene as `diffuse` does, and classifies them, in a worker thread that ends with the signal.
 *
 * @param logits `[height, width, classes]`
 * @throws the signal's reason
 */
export function classifyDiffusedInThread(
  logits: Float32Array,
  classes: number,
  edges: SpectralEdges,
  { reach, ...options }: ThreadOptions & { readonly reach: number },
): Promise<PixelClasses> {
  return inThread(thread, { edges: edges.values(), reach, logits, classes } satisfies DiffusionOrder, options);
}

/** Follows walks as `walkEnds` does, in a worker thread that ends with the signal. @throws the signal's reason */
export function walkEndsInThread(
  pixels: readonly number[],
  edges: SpectralEdges,
  { reach, ...options }: ThreadOptions & { readonly reach: number },
): Promise<WalkEnds[]> {
  return inThread(thread, { edges: edges.values(), reach, pixels } satisfies DiffusionOrder, options);
}
