import type { Job, JobHandler } from '@hyperswap/jobs';
import { noCounts } from '@hyperswap/map';
import type { JobProgress } from '@hyperswap/proto';
import { pixelsWithData, PreparedScene } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import { classifyAdaptively } from './adaptive-chunk.js';
import type { BindingTable } from './binding-table.js';
import { countsOfJob, encodeCounts } from './chunk-counts.js';
import { diffuseMap, logitsKey } from './diffused-map.js';
import { chunkCount, chunkKey, chunkWindow, type SceneJob, type SceneJobResult } from './scene-job.js';
import type { TileClassifier } from './tile-classifier.js';
import type { TileResults } from './tile-work.js';

/** Chunks that a process works on at once: one in the engine while the next is read. */
export const chunksAtOnce = 2;

export interface ChunkContext {
  readonly store: ObjectStore;
  readonly bindings: BindingTable;
  readonly tiles: TileClassifier;
}

/**
 * Returns the handler of scene jobs. Maps are read from their chunks, so only counts have to be combined at the end.
 */
export function chunkHandler(context: ChunkContext): JobHandler<SceneJob, SceneJobResult, JobProgress> {
  const { store } = context;
  return {
    run: async ({ objects, request }, { signal, report }) => {
      const { agreement, diffusion } = request;
      if (diffusion !== undefined) {
        const onProgress = (done: number, total: number): void => report({ stage: 'diffusing', done, total });
        await diffuseMap(store, objects, { ...request, diffusion }, { signal, onProgress });
      }
      return agreement === undefined ? {} : { counts: await countsOfJob(store, objects, request, signal) };
    },
    runPart: (job, index, { signal }) => classifyChunk(job, index, context, signal),
    clear: async ({ objects, request }, end, index) => {
      if (end !== 'cancelled') return;
      const chunks = index === undefined ? Array.from({ length: chunkCount(request) }, (_, chunk) => chunk) : [index];
      for (const chunk of chunks) {
        await store.delete(chunkKey(objects, chunk));
        if (request.diffusion !== undefined) await store.delete(logitsKey(objects, chunk));
      }
    },
  };
}

/** @throws QUEUE_FULL, so that a process with room takes the chunk; errors of the scene, the adapter and the engine */
async function classifyChunk(
  { id, objects, request }: Job<SceneJob>,
  index: number,
  { store, bindings, tiles }: ChunkContext,
  signal: AbortSignal,
): Promise<void> {
  const { scene: name, sceneDigest, probabilities: areKept, agreement } = request;
  const window = chunkWindow(request, index);
  const adapter = await bindings.admit(request.adapter);
  const halo = adapter.patchSize >> 1;
  const margins = { top: halo, left: halo, bottom: halo, right: halo };
  const place = { window, margins, pixelType: 'float32', bands: adapter.components, raw: false } as const;
  const byteLength = 4 * adapter.components * (window.height + 2 * halo) * (window.width + 2 * halo);
  const scene = await PreparedScene.openPinned(store, name, sceneDigest);
  const mask = await scene.readMask(window);
  const chosen = mask?.includes(0) ? pixelsWithData(mask) : undefined;
  const pixels = window.height * window.width;
  if (chosen?.length === 0 && request.diffusion !== undefined) {
    await store.put(logitsKey(objects, index), Buffer.alloc(4 * pixels * request.classes));
    return;
  }
  if (chosen?.length === 0) {
    const counts = agreement === undefined ? [] : [encodeCounts(noCounts)];
    const planes = 2 + (areKept ? request.classes : 0);
    await store.put(chunkKey(objects, index), Buffer.concat([Buffer.alloc(pixels * planes), ...counts]));
    return;
  }
  await tiles.withSharedFlow('job', id, async (flow) => {
    const needsAll = areKept || agreement !== undefined;
    const extent = { ...place, ...(chosen && { chosen }), pixels: { byteLength } };
    let reservation = flow.reserveNow(tiles.sizeOf(extent, adapter, needsAll));
    try {
      const scores = await scene.readWindow(window, halo, signal);
      const classify = (wanted: Int32Array | undefined, moved: Float32Array): Promise<TileResults> => {
        const tile = { ...place, ...(wanted && { chosen: wanted }), pixels: moved.buffer as ArrayBuffer };
        return tiles.classify(flow, tile, adapter, reservation, needsAll, signal);
      };
      if (request.diffusion !== undefined) {
        const { logits } = await classify(chosen, scores);
        const { buffer, byteOffset, byteLength: bytes } = logits;
        const plane = new Uint8Array(buffer, byteOffset, bytes);
        await store.put(logitsKey(objects, index), Buffer.from(spread(plane, chosen, pixels)));
        return;
      }
      if (agreement === undefined) {
        const { labels, confidence, probabilities } = await classify(chosen, scores);
        const planes = [labels, confidence, probabilities].map((plane) => spread(plane, chosen, pixels));
        await store.put(chunkKey(objects, index), Buffer.concat(planes));
        return;
      }
      const scenePixels = request.height * request.width;
      const chunk = { ...window, classes: request.classes, chosen, agreement, scenePixels, seed: index };
      const { labels, confidence, probabilities, counts } = await classifyAdaptively(chunk, async (wanted) => {
        // Each round is work of its own in the queue.
        reservation.release();
        const size = tiles.sizeOf({ ...extent, chosen: wanted }, adapter, needsAll);
        reservation = await flow.reserve(size, signal);
        return classify(wanted, scores.slice());
      });
      const planes = [labels, confidence, ...(areKept ? [probabilities] : []), encodeCounts(counts)];
      await store.put(chunkKey(objects, index), Buffer.concat(planes));
    } finally {
      reservation.release();
    }
  });
}

/**
 * Puts the values of chosen pixels where these are; the others are 0.
 *
 * @param plane some values a chosen pixel
 * @param pixels of the window
 */
function spread(plane: Uint8Array, chosen: Int32Array | undefined, pixels: number): Uint8Array {
  if (chosen === undefined) return plane;
  const values = plane.length / chosen.length;
  const all = new Uint8Array(pixels * values);
  chosen.forEach((pixel, place) => all.set(plane.subarray(place * values, (place + 1) * values), pixel * values));
  return all;
}
