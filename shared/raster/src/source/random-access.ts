import { open, readdir, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { failure } from '@hyperswap/errors';

/** Bytes of a file, read where they are needed; nothing reads all of them. */
export interface RandomAccess {
  /** Name of the file, for errors and endings. */
  readonly name: string;
  /** Bytes of the file. */
  readonly size: number;
  /** Path on this machine; undefined for bytes in memory. */
  readonly path?: string | undefined;
  /** Reads exactly `length` bytes. @throws FILE_FORMAT when the file ends before */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Names of the files beside this one. */
  siblings(): Promise<readonly string[]>;
  /** Opens a file beside this one. @throws FILE_UNREADABLE */
  sibling(name: string): Promise<RandomAccess>;
  close(): Promise<void>;
}

/** Files that say what a folder of Zarr holds; such a folder is opened as this file. */
const folderFiles = ['zarr.json', '.zarray', '.zgroup'];

/**
 * Opens a file, or a folder that is a Zarr store.
 *
 * @throws FILE_UNREADABLE
 */
export async function openFile(file: string, name = path.basename(file)): Promise<RandomAccess> {
  const unreadable = (cause: unknown): Error => {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    return failure('FILE_UNREADABLE', { file: name, reason }, cause);
  };
  const found = await stat(file).catch((cause: unknown) => {
    throw unreadable(cause);
  });
  if (found.isDirectory()) {
    const present = await readdir(file).catch((cause: unknown) => {
      throw unreadable(cause);
    });
    const inside = folderFiles.find((entry) => present.includes(entry));
    if (inside !== undefined) return openFile(path.join(file, inside), name);
  }
  if (!found.isFile()) throw failure('FILE_UNREADABLE', { file: name, reason: 'it is not a file' });
  const handle = await open(file, 'r').catch((cause: unknown) => {
    throw unreadable(cause);
  });
  return new OpenFile(name, file, found.size, handle);
}

class OpenFile implements RandomAccess {
  constructor(
    readonly name: string,
    readonly path: string,
    readonly size: number,
    private readonly handle: FileHandle,
  ) {}

  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    requireInside(this, offset, length);
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await this.handle
        .read(bytes, done, length - done, offset + done)
        .catch((cause: unknown) => {
          const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown';
          throw failure('FILE_UNREADABLE', { file: this.name, reason }, cause);
        });
      // The file was cut while it was open.
      if (bytesRead === 0) requireInside({ name: this.name, size: offset + done }, offset, length);
      done += bytesRead;
    }
    return bytes;
  }

  async siblings(): Promise<readonly string[]> {
    return readdir(path.dirname(this.path)).catch(() => []);
  }

  sibling(name: string): Promise<RandomAccess> {
    return openFile(path.join(path.dirname(this.path), name));
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

/**
 * Returns a file whose bytes are in memory.
 *
 * @param beside other files of its folder, by name
 */
export function bytesInMemory(
  name: string,
  bytes: Uint8Array,
  beside: ReadonlyMap<string, Uint8Array> = new Map(),
): RandomAccess {
  const source: RandomAccess = {
    name,
    size: bytes.byteLength,
    read: (offset, length) =>
      new Promise((resolve) => {
        requireInside(source, offset, length);
        resolve(new Uint8Array(bytes.subarray(offset, offset + length)));
      }),
    siblings: () => Promise.resolve([...beside.keys()]),
    sibling: (other) => {
      const found = beside.get(other);
      if (found !== undefined) return Promise.resolve(bytesInMemory(other, found, beside));
      return Promise.reject(failure('FILE_UNREADABLE', { file: other, reason: 'ENOENT' }));
    },
    close: () => Promise.resolve(),
  };
  return source;
}

/** Returns a part of a file as a file of its own. */
export function partOf(source: RandomAccess, start: number, size: number, name = source.name): RandomAccess {
  const part: RandomAccess = {
    name,
    size,
    read: async (offset, length) => {
      requireInside(part, offset, length);
      return source.read(start + offset, length);
    },
    siblings: () => source.siblings(),
    sibling: (other) => source.sibling(other),
    close: () => Promise.resolve(),
  };
  return part;
}

/** @throws FILE_FORMAT when the range is not inside the file */
export function requireInside(
  { name, size }: Pick<RandomAccess, 'name' | 'size'>,
  offset: number,
  length: number,
): void {
  if (offset >= 0 && length >= 0 && offset + length <= size) return;
  const reason = `it is truncated: it has ${size} bytes, ${offset + length} are needed`;
  throw failure('FILE_FORMAT', { file: name, expected: 'complete', reason });
}
