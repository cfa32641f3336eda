/** Thread of `smoothInThread`. */
import { parentPort, workerData } from 'node:worker_threads';
import type { ThreadNews } from './in-thread.js';
import type { SmoothingOrder } from './smooth-in-thread.js';
import { smoothMap, type ConfidentMap } from './smooth-map.js';
import { SpectralEdges } from './spectral-edges.js';

const { map, edges, reach } = workerData as SmoothingOrder;
const tell = (news: ThreadNews<ConfidentMap>): void => parentPort?.postMessage(news);
const onProgress = (done: number, total: number): void => tell({ done, total });
tell({ result: await smoothMap(map, SpectralEdges.from(edges), { reach, onProgress }) });
