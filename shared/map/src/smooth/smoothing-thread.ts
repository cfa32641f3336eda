/** Thread of `smoothInThread`. */
import { parentPort, workerData } from 'node:worker_threads';
import type { SmoothingNews, SmoothingOrder } from './smooth-in-thread.js';
import { smoothMap } from './smooth-map.js';
import { SpectralEdges } from './spectral-edges.js';

const { map, edges, reach } = workerData as SmoothingOrder;
const tell = (news: SmoothingNews): void => parentPort?.postMessage(news);
const known = new SpectralEdges(edges.height, edges.width);
known.right.set(edges.right);
known.below.set(edges.below);
const onProgress = (done: number, total: number): void => tell({ done, total });
tell({ map: await smoothMap(map, known, { reach, onProgress }) });
