/**
 * Compression of the bands: Zarr's `blosc` codec with LZ4 and byte shuffling. On hyperspectral data it makes files as
 * small as gzip does, and is ten times as fast. It blocks its thread: call it only in worker threads.
 */
import Blosc from 'numcodecs/blosc';

const cname = 'lz4';
const clevel = 5;
/** Bytes whose parts are shuffled together: numcodecs knows no other number. */
const typesize = 4;
/** Bytes of Blosc's header. */
const headerBytes = 16;

/** Codec as the metadata of an array names it. */
export const blockCodec = {
  name: 'blosc',
  configuration: { cname, clevel, shuffle: 'shuffle', typesize, blocksize: 0 },
} as const;

/** Part of the library that is used; its own types do not resolve as modules of Node. */
interface Codec {
  encode(bytes: Uint8Array): Promise<Uint8Array>;
  decode(bytes: Uint8Array): Promise<Uint8Array>;
}

const { fromConfig } = Blosc as unknown as { readonly fromConfig: (config: object) => Codec };
const codec = fromConfig({ id: 'blosc', cname, clevel, shuffle: 1, blocksize: 0 });

/** Returns bytes as a chunk stores them. */
export function encodeBlock(bytes: Uint8Array): Promise<Uint8Array> {
  return codec.encode(bytes);
}

/**
 * Returns the bytes of a stored chunk, at the beginning of a buffer of their own.
 *
 * @param expected number of bytes that the chunk must have
 * @throws Error when the stored bytes are no such chunk; Blosc itself does not notice that bytes are missing
 */
export async function decodeBlock(stored: Uint8Array, expected: number): Promise<Uint8Array<ArrayBuffer>> {
  if (stored.byteLength < headerBytes) throw new Error(`it has ${stored.byteLength} bytes, fewer than a header`);
  const header = new DataView(stored.buffer, stored.byteOffset, headerBytes);
  const [size, compressed] = [header.getUint32(4, true), header.getUint32(12, true)];
  if (size !== expected) throw new Error(`it holds ${size} bytes, not ${expected}`);
  if (compressed !== stored.byteLength) throw new Error(`it has ${stored.byteLength} bytes, not ${compressed}`);
  const bytes = await codec.decode(stored);
  if (bytes.byteLength !== expected) throw new Error(`it holds ${bytes.byteLength} bytes, not ${expected}`);
  return bytes.byteOffset === 0 && bytes.buffer.byteLength === expected
    ? (bytes as Uint8Array<ArrayBuffer>)
    : new Uint8Array(bytes);
}
