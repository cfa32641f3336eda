import { setMaxListeners } from 'node:events';
import { failure, throwIfAborted } from '@hyperswap/errors';
import {
  Output,
  Padding,
  PixelContent,
  type ClassifyTilesHeader,
  type ClassifyTilesRequest,
  type ClassifyTilesResponse,
  type Tile,
  type TileResult,
  type Window,
} from '@hyperswap/proto';
import {
  headerFirst,
  requireKnown,
  ResponseQueue,
  toDuration,
  toErrorStatus,
  windowPieces,
  type CallContext,
} from '@hyperswap/rpc';
import { readManifest } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import type { AdmittedAdapter, BindingTable } from './binding-table.js';
import { checkTile, type CheckedTile } from './check-tile.js';
import { requireSameBands } from './same-bands.js';
import { wantedOutputs } from './read-map.js';
import type { ClassifiedTile, TileClassifier } from './tile-classifier.js';
import { requirePatchwise } from './whole-scene-only.js';

export interface ClassifyTilesContext {
  readonly store: ObjectStore;
  readonly bindings: BindingTable;
  readonly tiles: TileClassifier;
}

/** Resolved header of a stream. */
interface StreamSettings {
  readonly header: ClassifyTilesHeader;
  readonly outputs: ReadonlySet<Output>;
  /** PCA of the scene that scores come from; undefined for raw pixels. */
  readonly pcaDigest: string | undefined;
  /** Wavelengths of the bands in nanometres; empty when unknown. */
  readonly wavelengths: readonly number[];
}

/** Validated tile, with the version that its adapter's name meant on arrival. */
interface AdmittedTile {
  readonly id: string;
  readonly tile: CheckedTile;
  readonly adapter: AdmittedAdapter;
}

/** Bytes of a tile's identifier, which comes back with its result. */
const maximumIdBytes = 200;

/**
 * Classifies one stream of tiles. The next tile is read when there is room for it, so that a fast client waits instead
 * of filling the queue, and so does one that does not read its results. A tile's adapter is resolved when the tile
 * comes: an alias that moves affects the next tile, never one in progress. An invalid tile is answered with its error;
 * the stream continues.
 */
export function classifyTiles(
  context: ClassifyTilesContext,
  requests: AsyncIterable<ClassifyTilesRequest>,
  { signal }: CallContext,
): AsyncIterable<ClassifyTilesResponse> {
  // Each waiting tile adds a listener.
  setMaxListeners(0, signal);
  const responses = new ResponseQueue<ClassifyTilesResponse>(bytesOf);
  readTiles(context, requests, responses, signal).then(
    () => responses.end(),
    (error: unknown) => responses.fail(error),
  );
  return responses;
}

/** Starts each tile on arrival when there is room, and ends when all tiles are answered. */
async function readTiles(
  context: ClassifyTilesContext,
  requests: AsyncIterable<ClassifyTilesRequest>,
  responses: ResponseQueue<ClassifyTilesResponse>,
  signal: AbortSignal,
): Promise<void> {
  const { header, rest } = await headerFirst(requests);
  const settings = await readSettings(context.store, header);
  const flow = context.tiles.flow();
  const probabilities = settings.outputs.has(Output.OUTPUT_PROBABILITIES);
  const open = new Set<Promise<void>>();
  try {
    for await (const { value } of rest) {
      throwIfAborted(signal, 'Classifying tiles');
      if (responses.closed) break;
      const admitted = await admitTile(context, settings, value).catch(toErrorStatus);
      if (!('tile' in admitted)) {
        await responses.push({ id: shortId(value.id), outcome: { $case: 'error', value: admitted } });
        continue;
      }
      const { id, tile, adapter } = admitted;
      const reservation = await flow.reserve(context.tiles.sizeOf(tile, adapter, probabilities), signal);
      const work = context.tiles
        .classify(flow, tile, adapter, reservation, probabilities, signal)
        .then(
          async (classified) => {
            for (const result of resultsOf(id, tile.window, adapter, settings.outputs, classified)) {
              await responses.push(result);
            }
          },
          (error: unknown) => {
            // The stream ends with the error that ended all its tiles.
            if (signal.aborted) {
              responses.fail(error);
              return undefined;
            }
            return responses.push({ id, outcome: { $case: 'error', value: toErrorStatus(error) } });
          },
        )
        .finally(() => {
          reservation.release();
          open.delete(work);
        });
      open.add(work);
    }
  } finally {
    // Tiles that have come are answered, whatever ends the stream.
    await Promise.all(open);
  }
}

/** @throws FIELD_INVALID, SCENE_NOT_FOUND */
async function readSettings(store: ObjectStore, header: ClassifyTilesHeader): Promise<StreamSettings> {
  const outputs = wantedOutputs(header.outputs, 'header.outputs');
  requireKnown(Padding, header.padding, 'header.padding');
  requireKnown(PixelContent, header.content, 'header.content');
  const invalid = (field: string, reason: string): Error => failure('FIELD_INVALID', { field, reason });
  switch (header.content) {
    case PixelContent.PIXEL_CONTENT_RAW:
      return { header, outputs, pcaDigest: undefined, wavelengths: header.wavelengths };
    case PixelContent.PIXEL_CONTENT_PREPARED: {
      if (header.scene === '') throw invalid('header.scene', 'name the prepared scene that the scores come from');
      const { pcaDigest, raster } = await readManifest(store, header.scene);
      return { header, outputs, pcaDigest, wavelengths: raster?.wavelengths ?? [] };
    }
    case PixelContent.PIXEL_CONTENT_UNSPECIFIED:
    case PixelContent.UNRECOGNIZED:
      throw invalid('header.content', 'it is missing');
  }
}

/**
 * Resolves and validates a tile. A refused tile is counted.
 *
 * @throws FIELD_INVALID, ADAPTER_WAVELENGTHS, errors of `BindingTable.admit` and `checkTile`
 */
async function admitTile(
  { bindings, tiles }: ClassifyTilesContext,
  { header, pcaDigest, wavelengths }: StreamSettings,
  tile: Tile,
): Promise<AdmittedTile> {
  const start = performance.now();
  let adapter: AdmittedAdapter | undefined;
  try {
    if (Buffer.byteLength(tile.id) > maximumIdBytes) {
      throw failure('FIELD_INVALID', { field: 'tile.id', reason: `it has more than ${maximumIdBytes} bytes` });
    }
    adapter = await bindings.admit(tile.adapter === '' ? header.adapter : tile.adapter);
    requirePatchwise(adapter);
    requireSameBands(
      pcaDigest === undefined ? `The pixels of tile ${tile.id}` : `Scores of ${header.scene}`,
      wavelengths,
      adapter,
    );
    return { id: tile.id, tile: checkTile(header, tile, adapter, pcaDigest), adapter };
  } catch (error) {
    tiles.refused(adapter, error, performance.now() - start);
    throw error;
  }
}

/** Cuts the result of a tile into messages, from top to bottom; one that asks for no probabilities fits one. */
function* resultsOf(
  id: string,
  tile: Window,
  { reference, digest, classes }: AdmittedAdapter,
  outputs: ReadonlySet<Output>,
  { labels, confidence, probabilities, times }: ClassifiedTile,
): Generator<ClassifyTilesResponse> {
  const pixelBytes = 2 + (outputs.has(Output.OUTPUT_PROBABILITIES) ? classes : 0);
  const all = tile.height * tile.width;
  for (const { window, first, pixels } of windowPieces(tile, pixelBytes)) {
    const given = (output: Output, plane: Uint8Array, values: number): Buffer =>
      outputs.has(output)
        ? Buffer.from(plane.buffer, plane.byteOffset + first * values, pixels * values)
        : Buffer.alloc(0);
    const value: TileResult = {
      window,
      labels: given(Output.OUTPUT_LABELS, labels, 1),
      confidence: given(Output.OUTPUT_CONFIDENCE, confidence, 1),
      probabilities: given(Output.OUTPUT_PROBABILITIES, probabilities, classes),
      adapter: reference,
      adapterDigest: digest,
      queued: toDuration(times.queued),
      engine: toDuration(times.engine),
      more: first + pixels < all,
    };
    yield { id, outcome: { $case: 'result', value } };
  }
}

function bytesOf({ outcome }: ClassifyTilesResponse): number {
  if (outcome?.$case !== 'result') return 0;
  const { labels, confidence, probabilities } = outcome.value;
  return labels.byteLength + confidence.byteLength + probabilities.byteLength;
}

/** Identifier as it is answered; one that is too long is cut. */
function shortId(id: string): string {
  return Buffer.byteLength(id) > maximumIdBytes ? id.slice(0, maximumIdBytes / 4) : id;
}
