import { createHash, randomUUID } from 'node:crypto';
import { constants, createReadStream, createWriteStream, type Dirent } from 'node:fs';
import { access, link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  failure,
  HyperswapError,
  isObjectKey,
  toHyperswapError,
  validateObjectKey,
  validateObjectPrefix,
} from '@hyperswap/errors';
import { hashedPieces } from './hashed-pieces.js';
import type { ObjectFacts, ObjectStore, PutOptions, StoredObject } from './object-store.js';

/** Bytes of the sha-256 that follows an object's content in its file. */
const checksumBytes = 32;
/** Bytes that are in memory at once when a file is streamed. */
const pieceBytes = 1024 * 1024;

/**
 * Objects as files under a directory. A file holds the content and then its sha-256, so that a torn or altered file is
 * noticed. Files are written beside their final path and renamed or linked to it, which is atomic within a file system;
 * several processes may share the directory.
 */
export class DirectoryObjectStore implements ObjectStore {
  readonly description: string;
  private readonly objects: string;
  private readonly staging: string;

  constructor(directory: string) {
    this.objects = path.join(directory, 'objects');
    this.staging = path.join(directory, 'staging');
    this.description = `directory ${path.resolve(directory)}`;
  }

  async put(key: string, content: Uint8Array, options?: PutOptions): Promise<void> {
    await this.place(key, [content], options);
  }

  async putFile(key: string, file: string, options?: PutOptions): Promise<void> {
    validateObjectKey(key);
    await access(file, constants.R_OK).catch((cause: unknown) => {
      throw failure('FILE_UNREADABLE', { file, reason: (cause as NodeJS.ErrnoException).code ?? 'unknown' }, cause);
    });
    await this.place(key, createReadStream(file, { highWaterMark: pieceBytes }), options);
  }

  async getFile(key: string, file: string): Promise<void> {
    validateObjectKey(key);
    try {
      const size = (await stat(this.file(key))).size - checksumBytes;
      const hash = createHash('sha256');
      const content =
        size > 0 ? createReadStream(this.file(key), { end: size - 1, highWaterMark: pieceBytes }) : Readable.from([]);
      await pipeline(content, hashedPieces(hash), createWriteStream(file));
      const checksum = await this.getChecksum(key, size);
      if (!hash.digest().equals(checksum)) {
        throw failure('OBJECT_DAMAGED', { key, reason: 'its checksum does not match its content' });
      }
    } catch (cause) {
      await rm(file, { force: true });
      throw readFailure(key, cause);
    }
  }

  private async getChecksum(key: string, size: number): Promise<Buffer> {
    const file = await open(this.file(key), 'r');
    try {
      const checksum = Buffer.alloc(checksumBytes);
      await file.read(checksum, 0, checksumBytes, Math.max(0, size));
      return checksum;
    } finally {
      await file.close();
    }
  }

  private async place(
    key: string,
    content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    { onlyIfAbsent = false }: PutOptions = {},
  ): Promise<void> {
    const target = this.file(key);
    const staged = path.join(this.staging, randomUUID());
    try {
      await mkdir(this.staging, { recursive: true });
      await mkdir(path.dirname(target), { recursive: true });
      await writeDurably(staged, content);
      // A link fails if the file exists; a rename replaces it.
      if (onlyIfAbsent) await link(staged, target);
      else await rename(staged, target);
    } catch (cause) {
      throw translate(key, cause);
    } finally {
      await rm(staged, { force: true });
    }
  }

  async get(key: string): Promise<Buffer> {
    const file = await readFile(this.file(key)).catch((cause: unknown) => {
      throw readFailure(key, cause);
    });
    const content = file.subarray(0, Math.max(0, file.byteLength - checksumBytes));
    const checksum = file.subarray(content.byteLength);
    if (!createHash('sha256').update(content).digest().equals(checksum)) {
      throw failure('OBJECT_DAMAGED', { key, reason: 'its checksum does not match its content' });
    }
    return content;
  }

  async getRange(key: string, offset: number, length: number): Promise<Buffer> {
    try {
      const file = await open(this.file(key), 'r');
      try {
        const size = (await file.stat()).size - checksumBytes;
        const content = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
        await file.read(content, 0, content.byteLength, offset);
        return content;
      } finally {
        await file.close();
      }
    } catch (cause) {
      throw readFailure(key, cause);
    }
  }

  async has(key: string): Promise<boolean> {
    try {
      return (await stat(this.file(key))).isFile();
    } catch (cause) {
      if (isAbsent(cause)) return false;
      throw readFailure(key, cause);
    }
  }

  async describe(key: string): Promise<ObjectFacts> {
    const file = await stat(this.file(key), { bigint: true }).catch((cause: unknown) => {
      throw readFailure(key, cause);
    });
    if (!file.isFile()) throw failure('OBJECT_NOT_FOUND', { key });
    const bytes = Math.max(0, Number(file.size) - checksumBytes);
    return { bytes, version: `${file.ino} ${file.mtimeNs}` };
  }

  async list(prefix: string): Promise<StoredObject[]> {
    validateObjectPrefix(prefix);
    const found: StoredObject[] = [];
    const folder = prefix.includes('/') ? prefix.slice(0, prefix.lastIndexOf('/')) : '';
    const walk = async (relative: string): Promise<void> => {
      for (const entry of await entriesOf(path.join(this.objects, relative))) {
        const key = relative === '' ? entry.name : `${relative}/${entry.name}`;
        if (!isObjectKey(key)) continue;
        if (entry.isDirectory()) await walk(key);
        else if (key.startsWith(prefix)) {
          const file = await stat(path.join(this.objects, key)).catch(() => undefined);
          if (file !== undefined) found.push({ key, bytes: Math.max(0, file.size - checksumBytes) });
        }
      }
    };
    await walk(folder);
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async delete(key: string): Promise<void> {
    try {
      await rm(this.file(key), { force: true });
    } catch (cause) {
      // A folder of objects is no object.
      const isFolder = await stat(this.file(key)).then(
        (entry) => entry.isDirectory(),
        () => false,
      );
      if (!isFolder && !isAbsent(cause)) throw translate(key, cause);
    }
  }

  async probe(): Promise<void> {
    try {
      await mkdir(this.objects, { recursive: true });
      await access(this.objects, constants.R_OK | constants.W_OK);
    } catch (cause) {
      throw failure('STORE_UNREACHABLE', { reason: (cause as Error).message }, cause);
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Returns the file of a key; no key leaves the directory. @throws NAME_INVALID */
  private file(key: string): string {
    return path.join(this.objects, validateObjectKey(key));
  }
}

/** Writes content and then its checksum, and waits until both are on disk. */
async function writeDurably(file: string, content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await open(file, 'wx');
  const hash = createHash('sha256');
  try {
    for await (const piece of content) {
      hash.update(piece);
      await handle.writeFile(piece);
    }
    await handle.writeFile(hash.digest());
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Returns the entries of a folder; none if the folder does not exist. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    if (isAbsent(cause)) return [];
    throw translate(folder, cause);
  }
}

/** Tells that there is no such file: nothing has the name, or a file has the name of one of its folders. */
function isAbsent(cause: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '');
}

/** Returns the error of a read that failed. */
function readFailure(key: string, cause: unknown): Error {
  // An object of that name, or a folder of objects.
  const isMissing = isAbsent(cause) || (cause as NodeJS.ErrnoException).code === 'EISDIR';
  return isMissing ? failure('OBJECT_NOT_FOUND', { key }, cause) : translate(key, cause);
}

/** Returns the error of a write, or of a disk. */
function translate(key: string, cause: unknown): Error {
  if (cause instanceof HyperswapError) return cause;
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'EEXIST') return failure('OBJECT_EXISTS', { key }, cause);
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') return failure('STORE_FULL', { key }, cause);
  if (code !== undefined) return failure('STORE_UNREACHABLE', { reason: (cause as Error).message }, cause);
  return toHyperswapError(cause);
}
