/** A safetensors file on disk, tensor by tensor: memory is that of one tensor, however large the file. */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import {
  headerLength,
  lengthBytes,
  parseHeader,
  SafetensorsError,
  type Header,
  type HeaderEntry,
  type StoredType,
} from './header.js';
import { decodeValues, encodeHeader, sortedNames, storedBytes, type TensorSource } from './safetensors.js';

/** An open file. Reading is synchronous: the executor reads layer after layer as it uploads them. */
export class SafetensorsFile implements TensorSource {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly metadata: Readonly<Record<string, string>>;

  private readonly entries: ReadonlyMap<string, HeaderEntry>;
  private readonly dataStart: number;

  private constructor(
    private readonly descriptor: number,
    { entries, metadata, dataStart }: Header,
  ) {
    this.entries = new Map(entries.map((entry) => [entry.name, entry]));
    this.shapes = new Map(entries.map(({ name, shape }) => [name, shape]));
    this.metadata = metadata;
    this.dataStart = dataStart;
  }

  /**
   * Opens a file and checks its header.
   *
   * @throws SafetensorsError when it is not valid; errors of the file system
   */
  static open(path: string): SafetensorsFile {
    const descriptor = openSync(path, 'r');
    try {
      const { size: fileBytes } = fstatSync(descriptor);
      const start = readExactly(descriptor, 0, Math.min(lengthBytes, fileBytes));
      const bytes = readExactly(descriptor, 0, lengthBytes + headerLength(start, { fileBytes }));
      return new SafetensorsFile(descriptor, parseHeader(bytes, { fileBytes }));
    } catch (cause) {
      closeSync(descriptor);
      throw cause;
    }
  }

  read(name: string): Float32Array {
    const entry = this.entries.get(name);
    if (entry === undefined) throw new SafetensorsError(`tensor ${name} is missing`);
    const { start, end, type } = entry;
    const bytes = readExactly(this.descriptor, this.dataStart + start, end - start);
    return decodeValues(bytes.buffer as ArrayBuffer, type);
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

/** Writes tensors in the order of their names, one at a time. @throws errors of the file system */
export function writeSafetensorsFile(path: string, tensors: TensorSource, stored: StoredType): void {
  const descriptor = openSync(path, 'w');
  try {
    writeAll(descriptor, encodeHeader(tensors.shapes, {}, stored));
    for (const name of sortedNames(tensors.shapes)) writeAll(descriptor, storedBytes(tensors.read(name), stored));
  } finally {
    closeSync(descriptor);
  }
}

function readExactly(descriptor: number, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const count = readSync(descriptor, bytes, done, length - done, position + done);
    if (count === 0) throw new SafetensorsError('it ends before its tensors do');
    done += count;
  }
  return bytes;
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.byteLength) done += writeSync(descriptor, bytes, done);
}
