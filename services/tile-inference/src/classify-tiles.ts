import { failure, throwIfAborted } from '@hyperswap/errors';
import {
  PixelContent,
  PixelType as PixelTypeMessage,
  type ClassifyTilesHeader,
  type ClassifyTilesRequest,
  type ClassifyTilesResponse,
  type Tile,
} from '@hyperswap/proto';
import { headerFirst, ResponseQueue, type CallContext } from '@hyperswap/rpc';
import { maximumHalo, maximumTileSide } from '@hyperswap/scene';
import type { BindingTable, BoundAdapter } from './binding-table.js';
import type { PixelType } from './engine/program.js';
import type { PatchQueue } from './patch-queue.js';

const pixelTypes = new Map<PixelTypeMessage, { readonly type: PixelType; readonly bytes: number }>([
  [PixelTypeMessage.PIXEL_TYPE_UINT8, { type: 'uint8', bytes: 1 }],
  [PixelTypeMessage.PIXEL_TYPE_UINT16, { type: 'uint16', bytes: 2 }],
  [PixelTypeMessage.PIXEL_TYPE_INT16, { type: 'int16', bytes: 2 }],
  [PixelTypeMessage.PIXEL_TYPE_FLOAT32, { type: 'float32', bytes: 4 }],
]);
/** Patches of one call in the queue at once: enough to keep the engine busy, few enough that calls share it and swaps act soon. */
const patchesPerCall = 2048;

/**
 * One stream of tiles. The next tile is read when there is room for it, so that a fast client waits instead of filling the queue.
 * A tile's adapter is resolved when the tile comes: an alias that moves changes the next tile, never one that is under way.
 */
export function classifyTiles(
  bindings: BindingTable,
  queue: PatchQueue,
  requests: AsyncIterable<ClassifyTilesRequest>,
  { signal }: CallContext,
): AsyncIterable<ClassifyTilesResponse> {
  const responses = new ResponseQueue<ClassifyTilesResponse>();
  readTiles(requests, responses, (header, tile) => classifyTile(bindings, queue, header, tile, signal), signal).then(
    () => responses.end(),
    (error: unknown) => responses.fail(error),
  );
  return responses;
}

/** Starts a tile as soon as it comes and there is room, and ends when all are done. */
async function readTiles(
  requests: AsyncIterable<ClassifyTilesRequest>,
  responses: ResponseQueue<ClassifyTilesResponse>,
  classify: (header: ClassifyTilesHeader, tile: Tile) => Promise<ClassifyTilesResponse>,
  signal: AbortSignal,
): Promise<void> {
  const { header, rest } = await headerFirst(requests);
  let openPatches = 0;
  const open = new Set<Promise<void>>();
  for await (const { value: tile } of rest) {
    throwIfAborted(signal, 'Classifying tiles');
    if (responses.failed) break;
    const patches = (tile.window?.height ?? 0) * (tile.window?.width ?? 0);
    openPatches += patches;
    const work = classify(header, tile)
      .then(
        (response) => responses.push(response),
        (error: unknown) => responses.fail(error),
      )
      .finally(() => {
        openPatches -= patches;
        open.delete(work);
      });
    open.add(work);
    while (openPatches >= patchesPerCall) await Promise.race(open);
  }
  await Promise.all(open);
}

async function classifyTile(
  bindings: BindingTable,
  queue: PatchQueue,
  header: ClassifyTilesHeader,
  tile: Tile,
  signal: AbortSignal,
): Promise<ClassifyTilesResponse> {
  const adapter = await bindings.acquire(tile.adapter === '' ? header.adapter : tile.adapter);
  try {
    const { window, pixels, pixelType, raw } = checkTile(header, tile, adapter);
    const { height, width } = window;
    const work = { adapter, pixels, pixelType, raw, bands: header.bands, height, width, halo: tile.halo };
    const result = await queue.classify(work, signal);
    return {
      id: tile.id,
      window,
      labels: Buffer.from(result.labels.buffer),
      confidence: header.confidence ? Buffer.from(result.confidence.buffer) : Buffer.alloc(0),
      adapter: adapter.reference,
      adapterDigest: adapter.digest,
      queuedMilliseconds: result.queuedMilliseconds,
      engineMilliseconds: result.engineMilliseconds,
    };
  } finally {
    bindings.release(adapter);
  }
}

/**
 * Checks that a tile's bytes are what its header says, and that the adapter can use them.
 *
 * @throws TILE_HALO, TILE_SIZE, TILE_BYTES, TILE_BANDS, TILE_PIXELS_NOT_FINITE, PCA_MISMATCH, FIELD_INVALID
 */
function checkTile(header: ClassifyTilesHeader, tile: Tile, adapter: BoundAdapter) {
  const { window, halo, id } = tile;
  const { metadata, reference } = adapter;
  const stored = pixelTypes.get(header.pixelType);
  if (stored === undefined) throw failure('FIELD_INVALID', { field: 'pixel_type', reason: 'it is missing or unknown' });
  if (window === undefined || window.height === 0 || window.width === 0) {
    throw failure('TILE_HALO', { tile: id, reason: 'its window is missing or empty' });
  }
  if (Math.max(window.height, window.width) > maximumTileSide || halo > maximumHalo) {
    const { height, width } = window;
    throw failure('TILE_SIZE', { tile: id, height, width, halo, maximumSide: maximumTileSide, maximumHalo });
  }
  const half = metadata.patchSize >> 1;
  if (halo < half) {
    const reason = `its halo of ${halo} pixels is too small: adapter ${reference} needs ${half} (patch size ${metadata.patchSize})`;
    throw failure('TILE_HALO', { tile: id, reason });
  }
  const raw = header.content === PixelContent.PIXEL_CONTENT_RAW;
  if (!raw && header.content !== PixelContent.PIXEL_CONTENT_PREPARED) {
    throw failure('FIELD_INVALID', { field: 'content', reason: 'it is missing or unknown' });
  }
  const wantedBands = raw ? metadata.bands : adapter.components;
  if (header.bands !== wantedBands) {
    throw failure('TILE_BANDS', { tile: id, adapter: reference, found: header.bands, wanted: wantedBands });
  }
  if (!raw && header.pcaDigest !== metadata.pcaDigest) {
    throw failure('PCA_MISMATCH', { adapter: reference, scene: header.scene });
  }
  const rows = window.height + 2 * halo;
  const columns = window.width + 2 * halo;
  const wanted = rows * columns * header.bands * stored.bytes;
  if (tile.pixels.byteLength !== wanted) {
    const shape = `${rows} × ${columns} pixels of ${header.bands} ${stored.type} values`;
    throw failure('TILE_BYTES', { tile: id, found: tile.pixels.byteLength, wanted, shape });
  }
  // Copied out of the message, so that the buffer is aligned and can move to the engine.
  const pixels = new Uint8Array(tile.pixels).buffer;
  if (stored.type === 'float32') {
    const place = new Float32Array(pixels).findIndex((value) => !Number.isFinite(value));
    if (place >= 0) {
      const pixel = Math.floor(place / header.bands);
      throw failure('TILE_PIXELS_NOT_FINITE', { tile: id, row: Math.floor(pixel / columns), column: pixel % columns });
    }
  }
  return { window, pixels, pixelType: stored.type, raw };
}
