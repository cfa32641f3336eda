import { PixelType } from '@hyperswap/proto';
import { type NumericArray, type RasterInfo } from '@hyperswap/raster';

/**
 * Returns the type that values of a raster travel as in scenes. Signed bytes, which the protocol does not have, become
 * 16 bits.
 */
export function scenePixelType(type: RasterInfo['type']): PixelType {
  switch (type) {
    case 'u1':
      return PixelType.PIXEL_TYPE_UINT8;
    case 'u2':
      return PixelType.PIXEL_TYPE_UINT16;
    case 'i1':
    case 'i2':
      return PixelType.PIXEL_TYPE_INT16;
    case 'u4':
      return PixelType.PIXEL_TYPE_UINT32;
    case 'i4':
      return PixelType.PIXEL_TYPE_INT32;
    case 'f4':
      return PixelType.PIXEL_TYPE_FLOAT32;
    case 'f8':
      return PixelType.PIXEL_TYPE_FLOAT64;
  }
}

/** Returns the type of a raster whose values travel as a type; the opposite of `scenePixelType`. */
export function rasterType(pixelType: PixelType): RasterInfo['type'] {
  const types: readonly RasterInfo['type'][] = ['u1', 'u2', 'i2', 'u4', 'i4', 'f4', 'f8'];
  return types.find((type) => scenePixelType(type) === pixelType) ?? 'f4';
}

/**
 * Returns the type that values travel as in tiles, which know fewer: as they are where they are known, otherwise as
 * float32.
 */
export function tilePixelType(type: RasterInfo['type']): PixelType {
  const known = [PixelType.PIXEL_TYPE_UINT8, PixelType.PIXEL_TYPE_UINT16, PixelType.PIXEL_TYPE_INT16];
  const own = scenePixelType(type);
  return known.includes(own) ? own : PixelType.PIXEL_TYPE_FLOAT32;
}

/** Returns the little-endian bytes of values as one of these types. */
export function wireBytes(values: NumericArray, pixelType: PixelType): Buffer {
  let sent = values;
  if (pixelType === PixelType.PIXEL_TYPE_FLOAT32 && !(values instanceof Float32Array)) sent = Float32Array.from(values);
  if (pixelType === PixelType.PIXEL_TYPE_INT16 && values instanceof Int8Array) sent = Int16Array.from(values);
  return Buffer.from(sent.buffer, sent.byteOffset, sent.byteLength);
}
