import { inThread } from './in-thread.js';
import type { ConfidentMap, SmoothingOptions } from './smooth-map.js';
import type { EdgeValues, SpectralEdges } from './spectral-edges.js';

/** Input of the thread. */
export interface SmoothingOrder {
  readonly map: ConfidentMap;
  readonly edges: EdgeValues;
  readonly reach: number;
}

/**
 * Smooths a map as `smoothMap` does, in a thread of its own that ends with the work. A large scene takes seconds a
 * class, and the caller's thread stays free.
 *
 * @throws the signal's reason; the thread ends at once then
 */
export function smoothInThread(
  map: ConfidentMap,
  edges: SpectralEdges,
  { reach, ...options }: SmoothingOptions,
): Promise<ConfidentMap> {
  const order: SmoothingOrder = { map, edges: edges.values(), reach };
  return inThread(new URL('./smoothing-thread.js', import.meta.url), order, options);
}
