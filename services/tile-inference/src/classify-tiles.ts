import { failure, throwIfAborted } from '@hyperswap/errors';
import {
  Output,
  PixelContent,
  type ClassifyTilesHeader,
  type ClassifyTilesRequest,
  type ClassifyTilesResponse,
  type Tile,
  type TileResult,
} from '@hyperswap/proto';
import { headerFirst, ResponseQueue, toDuration, toErrorStatus, type CallContext } from '@hyperswap/rpc';
import { readManifest } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import type { BindingTable } from './binding-table.js';
import { checkTile } from './check-tile.js';
import type { PatchQueue } from './patch-queue.js';
import { wantedOutputs } from './read-map.js';

export interface ClassifyTilesContext {
  readonly store: ObjectStore;
  readonly bindings: BindingTable;
  readonly queue: PatchQueue;
}

/** Header of a stream, with what it stands for. */
interface StreamSettings {
  readonly header: ClassifyTilesHeader;
  readonly outputs: ReadonlySet<Output>;
  /** PCA of the scene that scores come from; undefined for raw pixels. */
  readonly pcaDigest: string | undefined;
}

/** Patches of one call in the queue at once: enough to keep the engine busy, few enough that calls share it and swaps act soon. */
const patchesPerCall = 2048;
/** Bytes of a tile's identifier, which comes back with its result. */
const maximumIdBytes = 200;

/**
 * Classifies one stream of tiles. The next tile is read when there is room for it, so that a fast client waits instead of filling the queue.
 * A tile's adapter is resolved when the tile comes: an alias that moves changes the next tile, never one that is under way. An invalid tile is
 * answered with its error; the stream goes on.
 */
export function classifyTiles(
  context: ClassifyTilesContext,
  requests: AsyncIterable<ClassifyTilesRequest>,
  { signal }: CallContext,
): AsyncIterable<ClassifyTilesResponse> {
  const responses = new ResponseQueue<ClassifyTilesResponse>(bytesOf);
  readTiles(context, requests, responses, signal).then(
    () => responses.end(),
    (error: unknown) => responses.fail(error),
  );
  return responses;
}

/** Starts a tile as soon as it comes and there is room, and ends when all are done. */
async function readTiles(
  context: ClassifyTilesContext,
  requests: AsyncIterable<ClassifyTilesRequest>,
  responses: ResponseQueue<ClassifyTilesResponse>,
  signal: AbortSignal,
): Promise<void> {
  const { header, rest } = await headerFirst(requests);
  const settings = await readSettings(context.store, header);
  let openPatches = 0;
  const open = new Set<Promise<void>>();
  try {
    for await (const { value: tile } of rest) {
      throwIfAborted(signal, 'Classifying tiles');
      if (responses.closed) break;
      // One at least, so that the answers of invalid tiles wait for their reader too.
      const patches = Math.max(1, (tile.window?.height ?? 0) * (tile.window?.width ?? 0));
      openPatches += patches;
      const work = classifyTile(context, settings, tile, signal)
        .then(
          (value) => responses.push({ id: tile.id, outcome: { $case: 'result', value } }),
          (error: unknown) => {
            // The stream ends with what ends all its tiles.
            if (!signal.aborted) {
              return responses.push({ id: shortId(tile.id), outcome: { $case: 'error', value: toErrorStatus(error) } });
            }
            responses.fail(error);
            return undefined;
          },
        )
        .finally(() => {
          openPatches -= patches;
          open.delete(work);
        });
      open.add(work);
      while (openPatches >= patchesPerCall) await Promise.race(open);
    }
  } finally {
    // Tiles that have come are answered, whatever ends the stream.
    await Promise.all(open);
  }
}

function bytesOf({ outcome }: ClassifyTilesResponse): number {
  if (outcome?.$case !== 'result') return 0;
  const { labels, confidence, probabilities } = outcome.value;
  return labels.byteLength + confidence.byteLength + probabilities.byteLength;
}

/** @throws FIELD_INVALID, SCENE_NOT_FOUND */
async function readSettings(store: ObjectStore, header: ClassifyTilesHeader): Promise<StreamSettings> {
  const outputs = wantedOutputs(header.outputs);
  const invalid = (field: string, reason: string): Error => failure('FIELD_INVALID', { field, reason });
  switch (header.content) {
    case PixelContent.PIXEL_CONTENT_RAW:
      return { header, outputs, pcaDigest: undefined };
    case PixelContent.PIXEL_CONTENT_PREPARED: {
      if (header.scene === '') throw invalid('header.scene', 'name the prepared scene that the scores come from');
      const { pcaDigest } = await readManifest(store, header.scene);
      return { header, outputs, pcaDigest };
    }
    case PixelContent.PIXEL_CONTENT_UNSPECIFIED:
    case PixelContent.UNRECOGNIZED:
      throw invalid('header.content', 'it is missing or unknown');
  }
}

async function classifyTile(
  { bindings, queue }: ClassifyTilesContext,
  { header, outputs, pcaDigest }: StreamSettings,
  tile: Tile,
  signal: AbortSignal,
): Promise<TileResult> {
  if (Buffer.byteLength(tile.id) > maximumIdBytes) {
    throw failure('FIELD_INVALID', { field: 'tile.id', reason: `it has more than ${maximumIdBytes} bytes` });
  }
  const adapter = await bindings.acquire(tile.adapter === '' ? header.adapter : tile.adapter);
  try {
    const { window, ...checked } = checkTile(header, tile, adapter, pcaDigest);
    const { height, width } = window;
    const probabilities = outputs.has(Output.OUTPUT_PROBABILITIES);
    const result = await queue.classify({ adapter, ...checked, height, width, probabilities }, signal);
    const given = (output: Output, values: Uint8Array): Buffer =>
      outputs.has(output) ? Buffer.from(values.buffer, values.byteOffset, values.byteLength) : Buffer.alloc(0);
    return {
      window,
      labels: given(Output.OUTPUT_LABELS, result.labels),
      confidence: given(Output.OUTPUT_CONFIDENCE, result.confidence),
      probabilities: given(Output.OUTPUT_PROBABILITIES, result.probabilities),
      adapter: adapter.reference,
      adapterDigest: adapter.digest,
      queued: toDuration(result.queuedMilliseconds),
      engine: toDuration(result.engineMilliseconds),
    };
  } finally {
    bindings.release(adapter);
  }
}

/** Identifier as it is answered; one that is too long is cut. */
function shortId(id: string): string {
  return Buffer.byteLength(id) > maximumIdBytes ? id.slice(0, maximumIdBytes / 4) : id;
}
