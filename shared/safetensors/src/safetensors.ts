/**
 * The safetensors file format: 8 bytes header length (little-endian), a JSON header, then the tensors' bytes.
 *
 * https://github.com/huggingface/safetensors, "Format". No JavaScript library both reads and writes it.
 */
import { createHash } from 'node:crypto';
import { bfloat16ToFloat32, float16ToFloat32, float32ToFloat16 } from './half-precision.js';
import { lengthBytes, parseHeader, type HeaderLimits, type ReadableType, type StoredType } from './header.js';
import { atOnce, type WorkSteps } from './steps.js';

export interface NamedTensor {
  readonly shape: readonly number[];
  /** Values in row-major order; held in float32 whatever the stored type. */
  readonly values: Float32Array;
}

/** Tensors that are read one by one, so that they need not be in memory together. */
export interface TensorSource {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Values of a tensor, float32. @throws when it is not there, or cannot be read */
  read(name: string): Float32Array;
}

/** Tensors in memory as a source. */
export function inMemory(tensors: ReadonlyMap<string, NamedTensor>): TensorSource {
  return {
    shapes: new Map([...tensors].map(([name, { shape }]) => [name, shape])),
    read: (name) => tensors.get(name)!.values,
  };
}

export interface TensorFile {
  readonly tensors: ReadonlyMap<string, NamedTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads a whole file. Everything is checked before anything is used: the header's length and JSON, each tensor's type,
 * shape and offsets, and that the tensors cover the data without gap or overlap.
 *
 * @throws SafetensorsError naming the problem
 */
export function readSafetensors(bytes: Uint8Array, limits: Pick<HeaderLimits, 'maximumHeaderBytes'> = {}): TensorFile {
  return atOnce(readTensors(bytes, limits));
}

/** The same in steps, a step a tensor. @throws SafetensorsError naming the problem */
export function* readTensors(
  bytes: Uint8Array,
  limits: Pick<HeaderLimits, 'maximumHeaderBytes'> = {},
): WorkSteps<TensorFile> {
  const { entries, metadata, dataStart } = parseHeader(bytes, limits);
  const tensors = new Map<string, NamedTensor>();
  for (const { name, type, shape, start, end } of entries) {
    // Copied, so that values are aligned and the file's buffer can be freed (a Buffer's own `slice` would not copy).
    const data = new Uint8Array(bytes.subarray(dataStart + start, dataStart + end)).buffer;
    tensors.set(name, { shape, values: decodeValues(data, type) });
    yield;
  }
  return { tensors, metadata };
}

/** Stored bytes as float32. */
export function decodeValues(data: ArrayBuffer, type: ReadableType): Float32Array {
  switch (type) {
    case 'F32':
      return new Float32Array(data);
    case 'F16':
      return float16ToFloat32(new Uint16Array(data));
    case 'BF16':
      return bfloat16ToFloat32(new Uint16Array(data));
  }
}

/**
 * Writes tensors in the order of their names, so that the same content gives the same bytes.
 *
 * @param stored type on disk; F16 rounds to nearest even
 */
export function writeSafetensors({ tensors, metadata }: TensorFile, stored: StoredType = 'F32'): Uint8Array {
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape] as const));
  const parts = [encodeHeader(shapes, metadata, stored)];
  for (const name of sortedNames(shapes)) parts.push(storedBytes(tensors.get(name)!.values, stored));
  return Buffer.concat(parts);
}

/** The order in which tensors are written and digested. */
export function sortedNames(shapes: ReadonlyMap<string, unknown>): string[] {
  return [...shapes.keys()].sort();
}

/** Length and JSON of a header. */
export function encodeHeader(
  shapes: ReadonlyMap<string, readonly number[]>,
  metadata: Readonly<Record<string, string>>,
  stored: StoredType,
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const name of sortedNames(shapes)) {
    const shape = shapes.get(name)!;
    const bytes = shape.reduce((product, size) => product * size, 1) * (stored === 'F32' ? 4 : 2);
    header[name] = { dtype: stored, shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  // Padded with spaces to 8 bytes, so that readers may map the tensors.
  const json = JSON.stringify(header);
  const headerBytes = Buffer.from(json + ' '.repeat((8 - (Buffer.byteLength(json) % 8)) % 8));
  const length = Buffer.alloc(lengthBytes);
  length.writeBigUInt64LE(BigInt(headerBytes.byteLength));
  return Buffer.concat([length, headerBytes]);
}

/**
 * The sha-256 over all tensors' names, shapes and float32 values: an identity of weights that does not depend on the
 * storage format.
 */
export function* tensorsDigest(tensors: TensorSource): WorkSteps<string> {
  const hash = createHash('sha256');
  for (const name of sortedNames(tensors.shapes)) {
    const shape = tensors.shapes.get(name)!;
    hash.update(`${name} [${shape.join(',')}]\n`).update(storedBytes(tensors.read(name), 'F32'));
    yield;
  }
  return hash.digest('hex');
}

/** The largest magnitude whose square is finite in float32, rounded down. */
const largestValue = 1e18;

/** The first value that is NaN, infinite or so large that its square is; undefined when there is none. */
export function unusableValue(values: Float32Array): number | undefined {
  // A loop: `find` calls a function for each of what may be millions of values.
  for (const value of values) if (!(Math.abs(value) <= largestValue)) return value;
  return undefined;
}

/** A tensor's bytes as they are stored. */
export function storedBytes(values: Float32Array, stored: StoredType): Uint8Array {
  const array = stored === 'F32' ? values : float32ToFloat16(values);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
