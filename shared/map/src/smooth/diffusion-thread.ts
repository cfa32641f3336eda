/** Thread of `diffuseInThread`, `classifyDiffusedInThread` and `walkEndsInThread`. */
import { parentPort, workerData } from 'node:worker_threads';
import { classifyLogits, type PixelClasses } from './classify-logits.js';
import type { DiffusionOrder } from './diffuse-in-thread.js';
import { diffuse, walkEnds, type WalkEnds } from './diffuse.js';
import type { ThreadNews } from './in-thread.js';
import { SpectralEdges } from './spectral-edges.js';

const order = workerData as DiffusionOrder;
const tell = (news: ThreadNews<Float32Array | PixelClasses | WalkEnds[]>): void => parentPort?.postMessage(news);
const edges = SpectralEdges.from(order.edges);
const options = { reach: order.reach, onProgress: (done: number, total: number): void => tell({ done, total }) };
if ('values' in order) tell({ result: diffuse(order.values, edges, options) });
else if ('pixels' in order) tell({ result: walkEnds(order.pixels, edges, options) });
else tell({ result: classifyLogits(diffuse(order.logits, edges, options), order.classes) });
