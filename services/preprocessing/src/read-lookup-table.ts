import { failure } from '@hyperswap/errors';
import type { ReadLookupTableRequest, ReadLookupTableResponse } from '@hyperswap/proto';
import { windowPieces } from '@hyperswap/rpc';
import type { ObjectStore } from '@hyperswap/storage';
import { toBytes } from './messages.js';
import { openScene } from './open-scene.js';

/**
 * Returns rows of the lookup table of a scene.
 *
 * @throws SCENE_NOT_FOUND, SCENE_CHANGED, FIELD_INVALID, OBJECT_DAMAGED
 */
export async function* readLookupTable(
  store: ObjectStore,
  request: ReadLookupTableRequest,
): AsyncGenerator<ReadLookupTableResponse> {
  const { row, rows } = request;
  const scene = await openScene(store, request);
  const { height = 0, width = 0 } = scene.manifest.lookupTable ?? {};
  const part = { row, column: 0, height: rows === 0 ? Math.max(0, height - row) : rows, width };
  if (height > 0 && row + part.height > height) {
    throw failure('FIELD_INVALID', { field: 'row', reason: `the table has ${height} rows` });
  }
  // A scene without a table is refused by reading it.
  if (height === 0) await scene.readLookupRows(0, 0);
  for (const { window } of windowPieces(part, 4)) {
    const cells = await scene.readLookupRows(window.row, window.height);
    yield { window, pixels: toBytes(cutColumns(cells, width, window)) };
  }
}

/** Returns the columns of a window out of full rows. */
function cutColumns(
  cells: Int32Array,
  width: number,
  window: { readonly column: number; readonly width: number; readonly height: number },
): Int32Array {
  if (window.width === width) return cells;
  const cut = new Int32Array(window.height * window.width);
  for (let y = 0; y < window.height; y++) {
    const start = y * width + window.column;
    cut.set(cells.subarray(start, start + window.width), y * window.width);
  }
  return cut;
}
