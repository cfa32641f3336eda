import { PixelType } from '@hyperswap/proto';
import type { NumericArray } from '@hyperswap/raster';

/** Returns the type that values travel as. Signed bytes, which the protocol does not have, are not sent as they are. */
export function pixelTypeOf(values: NumericArray): PixelType {
  if (values instanceof Uint8Array) return PixelType.PIXEL_TYPE_UINT8;
  if (values instanceof Uint16Array) return PixelType.PIXEL_TYPE_UINT16;
  if (values instanceof Int16Array) return PixelType.PIXEL_TYPE_INT16;
  if (values instanceof Uint32Array) return PixelType.PIXEL_TYPE_UINT32;
  if (values instanceof Int32Array) return PixelType.PIXEL_TYPE_INT32;
  if (values instanceof Float64Array) return PixelType.PIXEL_TYPE_FLOAT64;
  return PixelType.PIXEL_TYPE_FLOAT32;
}
