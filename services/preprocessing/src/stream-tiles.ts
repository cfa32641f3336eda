import { failure } from '@hyperswap/errors';
import type { StreamTilesRequest, StreamTilesResponse } from '@hyperswap/proto';
import { rowsPerMessage, type CallContext } from '@hyperswap/rpc';
import { maximumHalo, maximumTileSide } from '@hyperswap/scene';
import { type Window } from '@hyperswap/raster';
import type { ObjectStore } from '@hyperswap/storage';
import { toBytes } from './messages.js';
import { openScene } from './open-scene.js';

const defaultTileSize = 64;

/**
 * Cuts a window of a scene into tiles, row by row; the last of a row or column may be smaller. All are smaller than
 * asked for where a tile with its halo would not fit one message.
 *
 * @throws SCENE_NOT_FOUND, SCENE_CHANGED, FIELD_INVALID
 */
export async function* streamTiles(
  store: ObjectStore,
  request: StreamTilesRequest,
  { signal }: CallContext,
): AsyncGenerator<StreamTilesResponse> {
  const { tileSize, halo, window } = request;
  const scene = await openScene(store, request);
  const { height, width, components } = scene.manifest;
  const part: Window = window ?? { row: 0, column: 0, height, width };
  const wanted = tileSize === 0 ? defaultTileSize : tileSize;
  const invalid = (field: string, reason: string): Error => failure('FIELD_INVALID', { field, reason });
  if (wanted > maximumTileSide) throw invalid('tile_size', `${wanted} is more than ${maximumTileSide}`);
  if (halo > maximumHalo) throw invalid('halo', `${halo} is more than ${maximumHalo}`);
  if (part.height === 0 || part.width === 0 || part.row + part.height > height || part.column + part.width > width) {
    throw invalid('window', `it must be a part of the scene of ${height} × ${width} pixels`);
  }
  const side = Math.min(wanted, largestSide(components, halo));
  const rows = Math.ceil(part.height / side);
  const columns = Math.ceil(part.width / side);
  for (let tile = 0; tile < rows * columns; tile++) {
    const top = Math.floor(tile / columns) * side;
    const left = (tile % columns) * side;
    const cut: Window = {
      row: part.row + top,
      column: part.column + left,
      height: Math.min(side, part.height - top),
      width: Math.min(side, part.width - left),
    };
    const scores = toBytes(await scene.readWindow(cut, halo, signal));
    const mask = toBytes((await scene.readMask(cut)) ?? new Uint8Array(0));
    yield { tile, tileCount: rows * columns, window: cut, halo, scores, mask };
  }
}

/** Largest side of a tile that fits one message with its halo, in float32. */
function largestSide(components: number, halo: number): number {
  const pixels = rowsPerMessage(components * Float32Array.BYTES_PER_ELEMENT);
  return Math.max(1, Math.floor(Math.sqrt(pixels)) - 2 * halo);
}
