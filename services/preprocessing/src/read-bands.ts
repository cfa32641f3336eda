import { failure } from '@hyperswap/errors';
import { PixelType, type ReadBandsRequest, type ReadBandsResponse } from '@hyperswap/proto';
import type { Window } from '@hyperswap/raster';
import type { CallContext } from '@hyperswap/rpc';
import type { ObjectStore } from '@hyperswap/storage';
import { toBytes } from './messages.js';
import { openScene } from './open-scene.js';

/** Bytes of the values of one message, far below the default limit of 4 MiB. */
const messageBytes = 1024 * 1024;
/** Bytes of a value at most. */
const largestValue = 4;

/**
 * Returns the pixels of a scene as they are stored, window by window.
 *
 * @throws SCENE_NOT_FOUND, SCENE_CHANGED, OBJECT_DAMAGED; FIELD_INVALID for a window or band that the scene does not
 * have, and for a scene whose bands were not kept
 */
export async function* readBands(
  store: ObjectStore,
  request: ReadBandsRequest,
  { signal }: CallContext,
): AsyncGenerator<ReadBandsResponse> {
  const scene = await openScene(store, request);
  const { height, width, bands: count, raster } = scene.manifest;
  const invalid = (field: string, reason: string): Error => failure('FIELD_INVALID', { field, reason });
  if (raster === undefined) {
    throw invalid('scene', `${request.scene} was prepared by a version that kept no bands: prepare it again`);
  }
  const part: Window = request.window ?? { row: 0, column: 0, height, width };
  if (part.height === 0 || part.width === 0 || part.row + part.height > height || part.column + part.width > width) {
    throw invalid('window', `it must be a part of the scene of ${height} × ${width} pixels`);
  }
  const bands = request.bands.length === 0 ? undefined : request.bands;
  const missing = bands?.find((band) => band >= count);
  if (missing !== undefined) throw invalid('bands', `${missing} is none of the ${count} bands, which count from 0`);
  if (bands !== undefined && bands.length > count) {
    throw invalid('bands', `there are ${bands.length}; the scene has ${count}`);
  }
  const pixelBytes = (bands?.length ?? count) * largestValue;
  const columns = Math.min(part.width, Math.max(1, Math.floor(messageBytes / pixelBytes)));
  const rows = Math.max(1, Math.floor(messageBytes / (columns * pixelBytes)));
  for (let top = 0; top < part.height; top += rows) {
    for (let left = 0; left < part.width; left += columns) {
      const window: Window = {
        row: part.row + top,
        column: part.column + left,
        height: Math.min(rows, part.height - top),
        width: Math.min(columns, part.width - left),
      };
      const values = await scene.readBands(window, bands, signal);
      const mask = (await scene.readMask(window)) ?? new Uint8Array(window.height * window.width).fill(1);
      yield { window, pixelType: storedPixelType(values), values: toBytes(values), mask: toBytes(mask) };
    }
  }
}

function storedPixelType(values: Uint8Array | Uint16Array | Int16Array | Float32Array): PixelType {
  if (values instanceof Uint8Array) return PixelType.PIXEL_TYPE_UINT8;
  if (values instanceof Uint16Array) return PixelType.PIXEL_TYPE_UINT16;
  return values instanceof Int16Array ? PixelType.PIXEL_TYPE_INT16 : PixelType.PIXEL_TYPE_FLOAT32;
}
