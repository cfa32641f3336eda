import { failure } from '@hyperswap/errors';
import type { ReadLabelsRequest, ReadLabelsResponse } from '@hyperswap/proto';
import type { ObjectStore } from '@hyperswap/storage';
import { toBytes } from './messages.js';
import { openScene } from './open-scene.js';

/** Labels of one message, far below the default limit of 4 MiB. */
const messageLabels = 1024 * 1024;

/** Returns a window of a label map as blocks of full rows. @throws SCENE_NOT_FOUND, SCENE_CHANGED, FIELD_INVALID, OBJECT_DAMAGED */
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
  const rows = Math.max(1, Math.floor(messageLabels / Math.max(1, part.width)));
  for (let top = 0; top < part.height; top += rows) {
    const window = { ...part, row: part.row + top, height: Math.min(rows, part.height - top) };
    const labels = await scene.readLabels(labelMap === '' ? undefined : labelMap, window);
    yield { window, labels: toBytes(labels) };
  }
}
