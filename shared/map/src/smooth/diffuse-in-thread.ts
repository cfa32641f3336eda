import type { WalkEnds } from './diffuse.js';
import { inThread, type ThreadOptions } from './in-thread.js';
import type { EdgeValues, SpectralEdges } from './spectral-edges.js';

const thread = new URL('./diffusion-thread.js', import.meta.url);

/** Input of the thread: values to diffuse, or pixels whose walks are followed. */
export type DiffusionOrder = { readonly edges: EdgeValues; readonly reach: number } & (
  { readonly values: Float32Array } | { readonly pixels: readonly number[] }
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

/** Follows walks as `walkEnds` does, in a worker thread that ends with the signal. @throws the signal's reason */
export function walkEndsInThread(
  pixels: readonly number[],
  edges: SpectralEdges,
  { reach, ...options }: ThreadOptions & { readonly reach: number },
): Promise<WalkEnds[]> {
  return inThread(thread, { edges: edges.values(), reach, pixels } satisfies DiffusionOrder, options);
}
