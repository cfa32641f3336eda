/**
 * The safetensors file format: 8 bytes header length (little-endian), a JSON header, then the tensors' bytes.
 *
 * https://github.com/huggingface/safetensors, "Format". No JavaScript library both reads and writes it.
 */
import { createHash } from 'node:crypto';
import { float16ToFloat32, float32ToFloat16 } from './half-precision.js';
import { parseHeader, type StoredType } from './header.js';

export interface NamedTensor {
  readonly shape: readonly number[];
  /** Values in row-major order; held in float32 whatever the stored type. */
  readonly values: Float32Array;
}

export interface TensorFile {
  readonly tensors: ReadonlyMap<string, NamedTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads a whole file. Everything is checked before anything is used: the header's length and JSON, each tensor's type,
 * shape and offsets, and that the tensors cover the data without gap or overlap.
 *
 * @throws SafetensorsError naming what is wrong
 */
export function readSafetensors(bytes: Uint8Array): TensorFile {
  const { entries, metadata, dataStart } = parseHeader(bytes);
  const tensors = new Map<string, NamedTensor>();
  for (const { name, type, shape, start, end } of entries) {
    // Copied, so that values are aligned and the file's buffer can be freed (a Buffer's own `slice` would not copy).
    const data = new Uint8Array(bytes.subarray(dataStart + start, dataStart + end)).buffer;
    const values = type === 'F32' ? new Float32Array(data) : float16ToFloat32(new Uint16Array(data));
    tensors.set(name, { shape, values });
  }
  return { tensors, metadata };
}

/**
 * Writes tensors in the order of their names, so that the same content gives the same bytes.
 *
 * @param stored type on disk; F16 rounds to nearest even
 */
export function writeSafetensors({ tensors, metadata }: TensorFile, stored: StoredType = 'F32'): Uint8Array {
  const names = [...tensors.keys()].sort();
  const header: Record<string, unknown> = { __metadata__: metadata };
  const chunks: Uint8Array[] = [];
  let offset = 0;
  for (const name of names) {
    const { shape, values } = tensors.get(name)!;
    const chunk = storedBytes(values, stored);
    header[name] = { dtype: stored, shape, data_offsets: [offset, offset + chunk.byteLength] };
    chunks.push(chunk);
    offset += chunk.byteLength;
  }
  // Padded with spaces to 8 bytes, so that readers may map the tensors.
  const json = JSON.stringify(header);
  const headerBytes = Buffer.from(json + ' '.repeat((8 - (Buffer.byteLength(json) % 8)) % 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(headerBytes.byteLength));
  return Buffer.concat([length, headerBytes, ...chunks]);
}

/** The sha-256 over all tensors' names, shapes and float32 values: a name for weights however they are stored. */
export function tensorsDigest(tensors: ReadonlyMap<string, NamedTensor>): string {
  const hash = createHash('sha256');
  for (const name of [...tensors.keys()].sort()) {
    const { shape, values } = tensors.get(name)!;
    hash.update(`${name} [${shape.join(',')}]\n`).update(storedBytes(values, 'F32'));
  }
  return hash.digest('hex');
}

function storedBytes(values: Float32Array, stored: StoredType): Uint8Array {
  const array = stored === 'F32' ? values : float32ToFloat16(values);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
