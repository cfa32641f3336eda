import { PixelType, type Scene } from '@hyperswap/proto';
import type { Window } from '@hyperswap/raster';
import { readStream } from '@hyperswap/rpc';
import { failure } from '@hyperswap/errors';
import type { Session } from '../session.js';

export type BandValues = Uint8Array | Uint16Array | Int16Array | Float32Array;

/** Some pixels of a scene. */
export interface BandBlock {
  readonly window: Window;
  /** `[height, width, bands]` */
  readonly values: BandValues;
  /** 1 for pixels with data. */
  readonly mask: Uint8Array;
}

/** Reads pixels of a prepared scene. @param bands from 0; none for all @throws FIELD_INVALID, SCENE_CHANGED */
export async function* readBands(
  { scenes, signal }: Session,
  { name, digest }: Scene,
  bands: readonly number[],
  window?: Window,
): AsyncGenerator<BandBlock> {
  const call = scenes.readBands({ scene: name, sceneDigest: digest, bands: [...bands], window });
  for await (const { window: place, pixelType, values, mask } of readStream(scenes, call, signal)) {
    yield { window: place!, values: decode(values, pixelType), mask };
  }
}

/** Values travel little-endian, as every platform has them that Node runs on with us. */
function decode(bytes: Uint8Array, type: PixelType): BandValues {
  // A copy begins at an even place of its own memory.
  const own = new Uint8Array(bytes).buffer;
  switch (type) {
    case PixelType.PIXEL_TYPE_UINT8:
      return new Uint8Array(own);
    case PixelType.PIXEL_TYPE_UINT16:
      return new Uint16Array(own);
    case PixelType.PIXEL_TYPE_INT16:
      return new Int16Array(own);
    case PixelType.PIXEL_TYPE_FLOAT32:
      return new Float32Array(own);
    default:
      throw failure('INTERNAL', { reason: `the service sent pixels of type ${type}` });
  }
}
