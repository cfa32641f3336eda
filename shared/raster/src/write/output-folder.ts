import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { failure, HyperswapError } from '@hyperswap/errors';

/** File that is being written under another name. */
export interface OutputFile {
  /** Adds bytes to the end. @throws FILE_UNWRITABLE */
  append(bytes: Uint8Array): Promise<void>;
}

interface Part {
  /** Final path; undefined for a file that is thrown away at the end. */
  readonly file: string | undefined;
  readonly temporary: string;
  readonly handle: FileHandle;
}

/**
 * Files that appear in a folder together, when all of them are complete. Until then they have other names, so that a
 * full disk or a crash leaves no incomplete file under a final name, and what was there stays.
 */
export class OutputFolder {
  private readonly parts: Part[] = [];
  private readonly obsolete: string[] = [];

  private constructor(readonly directory: string) {}

  /** Creates the folder unless it exists. @throws FILE_UNWRITABLE */
  static async open(directory: string): Promise<OutputFolder> {
    await orUnwritable(directory, mkdir(directory, { recursive: true }));
    return new OutputFolder(directory);
  }

  /** Begins a file. @throws FILE_UNWRITABLE */
  async create(name: string): Promise<OutputFile> {
    return appender(name, (await this.begin(name)).handle);
  }

  /**
   * Writes a file by a library that takes a path.
   *
   * @param write gets the path of an empty file, which has its final name later
   * @throws FILE_UNWRITABLE
   */
  async writeBy(name: string, write: (file: string) => void): Promise<void> {
    const { temporary } = await this.begin(name);
    try {
      write(temporary);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw failure('FILE_UNWRITABLE', { file: path.join(this.directory, name), reason }, cause);
    }
  }

  /** Writes a complete file. @throws FILE_UNWRITABLE */
  async write(name: string, content: string | Uint8Array): Promise<void> {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    await (await this.create(name)).append(bytes);
  }

  /** Begins a file for intermediate results, which never gets a final name. @throws FILE_UNWRITABLE */
  async scratch(name: string): Promise<ScratchFile> {
    const { handle } = await this.begin(name, true);
    return { ...appender(name, handle), pieces: () => readPieces(handle) };
  }

  /** Removes a file that would not fit the new ones, when these get their names. */
  remove(name: string): void {
    this.obsolete.push(path.join(this.directory, name));
  }

  /** Gives all files their names. @returns their paths @throws FILE_UNWRITABLE */
  async commit(): Promise<string[]> {
    for (const { file, handle } of this.parts) {
      if (file !== undefined) await orUnwritable(file, handle.sync());
      await handle.close();
    }
    for (const file of this.obsolete) await orUnwritable(file, rm(file, { force: true }));
    const written: string[] = [];
    for (const { file, temporary } of this.parts) {
      if (file === undefined) {
        await rm(temporary, { force: true });
        continue;
      }
      await orUnwritable(file, rename(temporary, file));
      written.push(file);
    }
    this.parts.length = 0;
    return written;
  }

  /** Removes what is not committed. */
  async discard(): Promise<void> {
    for (const { handle, temporary } of this.parts) {
      await handle.close().catch(() => undefined);
      await rm(temporary, { force: true });
    }
    this.parts.length = 0;
  }

  private async begin(name: string, isScratch = false): Promise<Part> {
    const file = path.join(this.directory, name);
    const temporary = path.join(this.directory, `.${name}.${randomUUID().slice(0, 8)}.part`);
    const handle = await orUnwritable(file, open(temporary, 'wx+'));
    const part = { file: isScratch ? undefined : file, temporary, handle };
    this.parts.push(part);
    return part;
  }
}

/** File for intermediate results. */
export interface ScratchFile extends OutputFile {
  /** Returns the content in pieces, from its beginning. */
  pieces(): AsyncIterable<Uint8Array>;
}

const pieceBytes = 1024 * 1024;

function appender(name: string, handle: FileHandle): OutputFile {
  return { append: (bytes) => orUnwritable(name, handle.appendFile(bytes)) };
}

async function* readPieces(handle: FileHandle): AsyncGenerator<Uint8Array> {
  for (let position = 0; ;) {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(pieceBytes), 0, pieceBytes, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function orUnwritable<Result>(file: string, work: Promise<Result>): Promise<Result> {
  return work.catch((cause: unknown) => {
    if (cause instanceof HyperswapError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    const reason = code === 'ENOSPC' ? 'there is no space left on the disk' : (code ?? 'unknown');
    throw failure('FILE_UNWRITABLE', { file, reason }, cause);
  });
}
