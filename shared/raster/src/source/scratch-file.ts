import { randomUUID } from 'node:crypto';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { failure } from '@hyperswap/errors';

/** Temporary file for bytes that are too many to keep in memory. It has no name, and ends with its handle. */
export class ScratchFile {
  private constructor(private readonly handle: FileHandle) {}

  /** @throws FILE_UNWRITABLE */
  static async open(): Promise<ScratchFile> {
    const file = path.join(tmpdir(), `hyperswap-scratch-${randomUUID()}`);
    const handle = await open(file, 'wx+', 0o600).catch((cause: unknown) => {
      throw unwritable(file, cause);
    });
    await unlink(file);
    return new ScratchFile(handle);
  }

  /** Writes all bytes. @throws FILE_UNWRITABLE, as when the disk is full */
  async write(bytes: Uint8Array, offset: number): Promise<void> {
    for (let done = 0; done < bytes.byteLength;) {
      const { bytesWritten } = await this.handle
        .write(bytes, done, bytes.byteLength - done, offset + done)
        .catch((cause: unknown) => {
          throw unwritable(tmpdir(), cause);
        });
      done += bytesWritten;
    }
  }

  /** Reads bytes that were written. */
  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const result = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await this.handle.read(result, done, length - done, offset + done);
      if (bytesRead === 0)
        throw new Error(`a temporary file has ${offset + done} bytes, ${offset + length} are needed`);
      done += bytesRead;
    }
    return result;
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

function unwritable(file: string, cause: unknown): Error {
  return failure('FILE_UNWRITABLE', { file, reason: (cause as NodeJS.ErrnoException).code ?? 'unknown' }, cause);
}
