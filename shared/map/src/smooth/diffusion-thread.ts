/** Thread of `classifyDiffusedInThread` and `walkEndsInThread`. */
import { parentPort, workerData } from 'node:worker_threads';
import { classifyLogits, type PixelClasses } from './classify-logits.js';
import type { DiffusionOrder } from './diffuse-in-thread.js';
import { diffuse, walkEnds, type WalkEnds } from './diffuse.js';
import type { ThreadNews } from './in-thread.js';
import { SpectralEdges } from './spectral-edges.js';

const order = workerData as DiffusionOrder;
const tell = (news: ThreadNews<PixelClasses | WalkEnds[]>): void => parentPort?.postMessage(news);
const edges = SpectralEdges.from(order.edges);
const options = { reach: order.reach, onProgress: (done: number, total: number): void => tell({ done, total }) };
tell({
  result:
    'logits' in order
      ? classifyLogits(diffuse(order.logits, edges, options), order.classes)
      : walkEnds(order.pixels, edges, options),
});
