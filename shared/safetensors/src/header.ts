import { parseShallowJson, ShallowJsonError } from './shallow-json.js';

/** Storage type of a tensor's values; bfloat16 is read, not written. */
export type StoredType = 'F32' | 'F16';
export type ReadableType = StoredType | 'BF16';

/** Fault of a safetensors file; callers name the file. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
}

export interface HeaderEntry {
  readonly name: string;
  readonly type: ReadableType;
  readonly shape: readonly number[];
  /** Byte offsets from the start of the data. */
  readonly start: number;
  readonly end: number;
}

export interface Header {
  readonly entries: readonly HeaderEntry[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Offset of the data in the file. */
  readonly dataStart: number;
}

/** Bytes of a header that are read unless the caller allows fewer. SpectralGPT huge with its decoder takes 0.1 MB. */
const defaultHeaderBytes = 4 * 1024 * 1024;
/** The header is an object of tensors, which are objects, whose shapes are lists. */
const headerLevels = 3;
const maximumNameLength = 256;
const maximumDimensions = 8;
const entryKeys: ReadonlySet<string> = new Set(['dtype', 'shape', 'data_offsets']);
const bytesPerValue: Readonly<Record<ReadableType, number>> = { F32: 4, F16: 2, BF16: 2 };

/** Bytes of the header that says how long the JSON is. */
export const lengthBytes = 8;

export interface HeaderLimits {
  /** Size of the whole file. @default the bytes given */
  readonly fileBytes?: number;
  /** Largest header that is read. @default 4 MiB */
  readonly maximumHeaderBytes?: number;
}

/**
 * Bytes of the JSON.
 *
 * @param start the file's first bytes
 * @throws SafetensorsError when the file is too short for what it claims, or the header is larger than allowed
 */
export function headerLength(
  start: Uint8Array,
  { fileBytes = start.byteLength, maximumHeaderBytes = defaultHeaderBytes }: HeaderLimits = {},
): number {
  if (start.byteLength < lengthBytes) {
    throw new SafetensorsError(`it has ${start.byteLength} bytes, too few for a header`);
  }
  const length = new DataView(start.buffer, start.byteOffset, lengthBytes).getBigUint64(0, true);
  if (length > BigInt(fileBytes - lengthBytes)) {
    throw new SafetensorsError(`its header claims ${length} bytes, more than the file holds`);
  }
  if (length > BigInt(maximumHeaderBytes)) {
    throw new SafetensorsError(`its header has ${length} bytes, more than the ${maximumHeaderBytes} allowed`);
  }
  return Number(length);
}

/**
 * Reads and checks the header.
 *
 * @param bytes the whole file, or as much of it as holds the header
 * @throws SafetensorsError when the file is truncated, the header is not valid or too large, or tensors do not tile the
 * data exactly
 */
export function parseHeader(bytes: Uint8Array, limits: HeaderLimits = {}): Header {
  const { fileBytes = bytes.byteLength } = limits;
  const dataStart = lengthBytes + headerLength(bytes, { ...limits, fileBytes });
  const header = parseObject(bytes.subarray(lengthBytes, dataStart));
  const metadata = parseMetadata(header.__metadata__);
  const dataBytes = fileBytes - dataStart;
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => parseEntry(name, value, dataBytes));
  checkTiling(entries, dataBytes);
  return { entries, metadata, dataStart };
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = parseShallowJson(bytes, headerLevels);
  } catch (cause) {
    if (cause instanceof ShallowJsonError) throw new SafetensorsError(`its header ${cause.message}`, { cause });
    throw cause;
  }
  if (!isRecord(parsed)) throw new SafetensorsError('its header is not an object');
  return parsed;
}

function parseMetadata(value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value) || !Object.values(value).every((entry) => typeof entry === 'string')) {
    throw new SafetensorsError('its metadata is not a map of strings');
  }
  return value as Record<string, string>;
}

function parseEntry(name: string, value: unknown, dataBytes: number): HeaderEntry {
  if (name.length > maximumNameLength) {
    throw new SafetensorsError(
      `a tensor's name has ${name.length} characters, more than the ${maximumNameLength} allowed`,
    );
  }
  if (!isRecord(value) || Object.keys(value).some((key) => !entryKeys.has(key))) {
    throw new SafetensorsError(`tensor ${name} is not described by dtype, shape and data_offsets`);
  }
  const { dtype, shape, data_offsets: offsets } = value;
  if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') {
    throw new SafetensorsError(
      `tensor ${name} is of type ${JSON.stringify(typeof dtype === 'string' ? dtype.slice(0, 20) : typeof dtype)}; F32, F16 and BF16 are read`,
    );
  }
  if (!isCountList(shape) || shape.length > maximumDimensions)
    throw new SafetensorsError(`tensor ${name} has no valid shape`);
  if (!isCountList(offsets) || offsets.length !== 2) {
    throw new SafetensorsError(`tensor ${name} has no valid offsets`);
  }
  const [start, end] = offsets as [number, number];
  const wanted = shape.reduce((product, size) => product * size, 1) * bytesPerValue[dtype];
  if (end > dataBytes) throw new SafetensorsError(`tensor ${name} ends past the end of the file`);
  if (end - start !== wanted) {
    throw new SafetensorsError(
      `tensor ${name} [${shape.join(', ')}] needs ${wanted} bytes, its offsets hold ${end - start}`,
    );
  }
  return { name, type: dtype, shape, start, end };
}

function checkTiling(entries: readonly HeaderEntry[], dataBytes: number): void {
  let position = 0;
  for (const { name, start, end } of [...entries].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (start !== position) throw new SafetensorsError(`tensor ${name} leaves a gap or overlaps another`);
    position = end;
  }
  if (position !== dataBytes) throw new SafetensorsError(`${dataBytes - position} bytes belong to no tensor`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCountList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((entry) => Number.isSafeInteger(entry) && (entry as number) >= 0);
}
