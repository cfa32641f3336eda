/**
 * Compression of masks and label maps, one byte a pixel: Zarr's `gzip` codec, which makes large areas of one class
 * small.
 */
import { gunzipSync, gzipSync } from 'node:zlib';

/** Codec as the metadata of an array names it. */
export const planeCodec = { name: 'gzip', configuration: { level: 6 } } as const;

const options = { level: planeCodec.configuration.level };

/** Returns a plane as it is stored. It blocks its thread. */
export function encodePlane(pixels: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gzipSync(pixels, options));
}

/** Returns the pixels of a stored plane. @param pixels that it must have @throws Error when it is no such plane */
export function decodePlane(stored: Uint8Array, pixels: number): Uint8Array {
  const bytes = gunzipSync(stored, { maxOutputLength: pixels + 1 });
  if (bytes.byteLength !== pixels) throw new Error(`it holds ${bytes.byteLength} pixels, not ${pixels}`);
  return bytes;
}
