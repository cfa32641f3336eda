import { failure } from '@hyperswap/errors';
import type { ReadLabelsRequest, ReadLabelsResponse } from '@hyperswap/proto';
import { windowPieces } from '@hyperswap/rpc';
import type { ObjectStore } from '@hyperswap/storage';
import { toBytes } from './messages.js';
import { openScene } from './open-scene.js';

/**
 * Returns a window of a label map as blocks of full rows, or as parts of a row that does not fit a message.
 *
 * @throws SCENE_NOT_FOUND, SCENE_CHANGED, FIELD_INVALID, OBJECT_DAMAGED
 */
export async function* readLabels(store: ObjectStore, request: ReadLabelsRequest): AsyncGenerator<ReadLabelsResponse> {
  const { labelMap, window: wanted } = request;
  const scene = await openScene(store, request);
  const { height, width } = scene.manifest;
  const part = wanted ?? { row: 0, column: 0, height, width };
  if (part.row + part.height > height || part.column + part.width > width) {
    throw failure('FIELD_INVALID', {
      field: 'window',
      reason: `it must be a part of the scene of ${height} × ${width} pixels`,
    });
  }
  for (const { window } of windowPieces(part, 1)) {
    const labels = await scene.readLabels(labelMap === '' ? undefined : labelMap, window);
    yield { window, labels: toBytes(labels) };
  }
}
