import { failure } from '@hyperswap/errors';
import { PixelType } from '@hyperswap/proto';

/** Values of bands in the types that services send them in. */
export type BandValues = Uint8Array | Uint16Array | Int16Array | Float32Array;

/**
 * Returns the values of a `ReadBandsResponse`. They travel little-endian, as every platform has them that Node runs on
 * with us.
 */
export function bandValues(bytes: Uint8Array, type: PixelType): BandValues {
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
