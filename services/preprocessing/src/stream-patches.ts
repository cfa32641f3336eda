import { failure } from '@hyperswap/errors';
import type { StreamPatchesRequest, StreamPatchesResponse } from '@hyperswap/proto';
import type { CallContext } from '@hyperswap/rpc';
import { PreparedScene } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import { toBytes } from './messages.js';

const defaultBatchSize = 256;
const maximumPatchSize = 255;
/** Keeps a batch of the largest patches under the message limit. */
const maximumBatchValues = 12 * 1024 * 1024;

/** The neighbourhoods of pixels in the order asked for. */
export async function* streamPatches(
  store: ObjectStore,
  { scene: name, patchSize, pixels, batchSize }: StreamPatchesRequest,
  { signal }: CallContext,
): AsyncGenerator<StreamPatchesResponse> {
  const scene = await PreparedScene.open(store, name);
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
  const fitting = Math.max(1, Math.floor(maximumBatchValues / (patchSize ** 2 * components)));
  const size = Math.min(batchSize === 0 ? defaultBatchSize : batchSize, fitting);
  for (let first = 0; first < pixels.length; first += size) {
    const batch = pixels.slice(first, first + size);
    const scores = toBytes(await scene.readPatches(batch, patchSize, signal));
    yield { first, count: batch.length, scores };
  }
}
