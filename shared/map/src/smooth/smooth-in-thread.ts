import { Worker } from 'node:worker_threads';
import type { SmoothingOptions } from './smooth-map.js';
import type { ConfidentMap } from './smooth-map.js';
import type { SpectralEdges } from './spectral-edges.js';

/** Input of the thread. */
export interface SmoothingOrder {
  readonly map: ConfidentMap;
  readonly edges: Pick<SpectralEdges, 'height' | 'width' | 'right' | 'below'>;
  readonly reach: number;
}

/** Messages of the thread: progress, then the map. */
export type SmoothingNews = { readonly done: number; readonly total: number } | { readonly map: ConfidentMap };

/**
 * Smooths a map as `smoothMap` does, in a thread of its own that ends with the work. A large scene takes seconds a
 * class, and the caller's thread stays free.
 *
 * @throws the signal's reason; the thread ends at once then
 */
export async function smoothInThread(
  map: ConfidentMap,
  { height, width, right, below }: SpectralEdges,
  { reach, signal, onProgress }: SmoothingOptions,
): Promise<ConfidentMap> {
  signal?.throwIfAborted();
  const order: SmoothingOrder = { map, edges: { height, width, right, below }, reach };
  const worker = new Worker(new URL('./smoothing-thread.js', import.meta.url), { workerData: order });
  let abort: () => void = () => undefined;
  try {
    return await new Promise<ConfidentMap>((resolve, reject) => {
      abort = () => {
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', abort, { once: true });
      worker.on('message', (news: SmoothingNews) => {
        if ('map' in news) resolve(news.map);
        else onProgress?.(news.done, news.total);
      });
      worker.once('error', reject);
      worker.once('exit', (code) => {
        reject(new Error(`the smoothing thread ended with code ${code}`));
      });
    });
  } finally {
    signal?.removeEventListener('abort', abort);
    await worker.terminate();
  }
}
