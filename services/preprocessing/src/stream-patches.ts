import { failure } from '@hyperswap/errors';
import type { StreamPatchesRequest, StreamPatchesResponse } from '@hyperswap/proto';
import { rowsPerMessage, type CallContext } from '@hyperswap/rpc';
import type { ObjectStore } from '@hyperswap/storage';
import { toBytes } from './messages.js';
import { openScene } from './open-scene.js';

const defaultBatchSize = 256;
/** One patch of this side, of 12 components in float32, has 3.1 MB and fits one message. */
const maximumPatchSize = 255;

/**
 * The neighbourhoods of pixels in the order asked for, as many in a message as fit it, and `batchSize` at most.
 *
 * @throws SCENE_NOT_FOUND, SCENE_CHANGED, FIELD_INVALID
 */
export async function* streamPatches(
  store: ObjectStore,
  request: StreamPatchesRequest,
  { signal }: CallContext,
): AsyncGenerator<StreamPatchesResponse> {
  const { patchSize, pixels, batchSize } = request;
  const scene = await openScene(store, request);
  const { height, width, components } = scene.manifest;
  if (patchSize % 2 !== 1 || patchSize > maximumPatchSize) {
    throw failure('FIELD_INVALID', {
      field: 'patch_size',
      reason: `${patchSize} is not an odd number up to ${maximumPatchSize}`,
    });
  }
  const outside = pixels.find((pixel) => pixel >= height * width);
  if (outside !== undefined) {
    throw failure('FIELD_INVALID', {
      field: 'pixels',
      reason: `${outside} is outside the scene of ${height} × ${width}`,
    });
  }
  const fitting = rowsPerMessage(patchSize ** 2 * components * Float32Array.BYTES_PER_ELEMENT);
  const size = Math.min(batchSize === 0 ? defaultBatchSize : batchSize, fitting);
  for (let first = 0; first < pixels.length; first += size) {
    const batch = pixels.slice(first, first + size);
    const scores = toBytes(await scene.readPatches(batch, patchSize, signal));
    yield { first, count: batch.length, scores };
  }
}
