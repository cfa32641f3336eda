import type { Job, JobHandler } from '@hyperswap/jobs';
import type { JobProgress } from '@hyperswap/proto';
import { pixelsWithData, PreparedScene } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import type { BindingTable } from './binding-table.js';
import { chunkCount, chunkKey, chunkWindow, type SceneJob } from './scene-job.js';
import type { TileClassifier } from './tile-classifier.js';

/** Chunks that a process works on at once: one in the engine while the next is read. */
export const chunksAtOnce = 2;

export interface ChunkContext {
  readonly store: ObjectStore;
  readonly bindings: BindingTable;
  readonly tiles: TileClassifier;
}

/** Returns the way that chunks of any job are classified. The map is read out of them, so that nothing is left to put together. */
export function chunkHandler(context: ChunkContext): JobHandler<SceneJob, object, JobProgress> {
  const { store } = context;
  return {
    run: () => Promise.resolve({}),
    runPart: (job, index, { signal }) => classifyChunk(job, index, context, signal),
    clear: async ({ objects, request }, end, index) => {
      if (end !== 'cancelled') return;
      if (index !== undefined) await store.delete(chunkKey(objects, index));
      else for (let chunk = 0; chunk < chunkCount(request); chunk++) await store.delete(chunkKey(objects, chunk));
    },
  };
}

/** @throws QUEUE_FULL, so that a process with room takes the chunk; what the scene, the adapter and the engine fail with */
async function classifyChunk(
  { id, objects, request }: Job<SceneJob>,
  index: number,
  { store, bindings, tiles }: ChunkContext,
  signal: AbortSignal,
): Promise<void> {
  const { scene: name, sceneDigest, probabilities: areKept } = request;
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
  const values = areKept ? 2 + request.classes : 2;
  if (chosen?.length === 0) {
    await store.put(chunkKey(objects, index), Buffer.alloc(pixels * values));
    return;
  }
  const chosenPlace = { ...place, ...(chosen && { chosen }) };
  await tiles.withSharedFlow('job', id, async (flow) => {
    const reservation = flow.reserveNow(tiles.sizeOf({ ...chosenPlace, pixels: { byteLength } }, adapter, areKept));
    try {
      const scores = await scene.readWindow(window, halo, signal);
      const tile = { ...chosenPlace, pixels: scores.buffer as ArrayBuffer };
      const classified = await tiles.classify(flow, tile, adapter, reservation, areKept, signal);
      const { labels, confidence, probabilities } = classified;
      const planes = [labels, confidence, probabilities].map((plane) => spread(plane, chosen, pixels));
      await store.put(chunkKey(objects, index), Buffer.concat(planes));
    } finally {
      reservation.release();
    }
  });
}

/** Puts the values of chosen pixels where these are; the others are 0. @param plane some values a chosen pixel @param pixels of the window */
function spread(plane: Uint8Array, chosen: Int32Array | undefined, pixels: number): Uint8Array {
  if (chosen === undefined) return plane;
  const values = plane.length / chosen.length;
  const all = new Uint8Array(pixels * values);
  chosen.forEach((pixel, place) => all.set(plane.subarray(place * values, (place + 1) * values), pixel * values));
  return all;
}
