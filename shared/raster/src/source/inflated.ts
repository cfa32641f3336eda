import { createInflate, createInflateRaw, type Inflate, type InflateRaw } from 'node:zlib';
import { failure } from '@hyperswap/errors';
import { requireInside, type RandomAccess } from './random-access.js';
import { ScratchFile } from './scratch-file.js';

/** Inflated bytes kept in memory; more go to a temporary file. */
const bytesInMemory = 32 * 1024 ** 2;
/** Deflate (RFC 1951) makes at most 1,032 bytes of one. */
const largestRatio = 1032;
const chunkBytes = 256 * 1024;

export interface Compressed {
  readonly source: RandomAccess;
  /** Offset of the compressed bytes. */
  readonly offset: number;
  /** Compressed bytes. */
  readonly length: number;
  /** `zlib` has a header and a checksum, `raw` has neither. */
  readonly wrapping: 'zlib' | 'raw';
  /** Inflated bytes at most; more is an error. */
  readonly limit: number;
}

/**
 * Returns compressed bytes as a readable source of the inflated bytes. They are inflated piece by piece, only as far as
 * they are read, beside the event loop, and kept in memory while they are few, else in a temporary file.
 *
 * @throws FILE_FORMAT from `read` when the bytes are damaged, end too early or exceed the limit
 */
export function inflated(compressed: Compressed): RandomAccess {
  return new InflatedBytes(compressed);
}

class InflatedBytes implements RandomAccess {
  readonly name: string;
  /** Largest number of bytes that there can be; how many there are is known at the end. */
  readonly size: number;
  private readonly inflater: Inflate | InflateRaw;
  private readonly feeding: AsyncIterator<Uint8Array>;
  private readonly pieces: Uint8Array[] = [];
  private produced = 0;
  private scratch: ScratchFile | undefined;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly compressed: Compressed) {
    const { source, length, wrapping, limit } = compressed;
    this.name = source.name;
    this.size = Math.min(limit, length * largestRatio);
    this.inflater =
      wrapping === 'zlib' ? createInflate({ chunkSize: chunkBytes }) : createInflateRaw({ chunkSize: chunkBytes });
    this.feeding = this.inflater[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    // Error for the next read.
    this.inflater.on('error', () => undefined);
    void this.feed();
  }

  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    requireInside(this, offset, length);
    // Only one read at a time advances the inflater.
    const advanced = this.turn.then(() => this.advance(offset + length));
    this.turn = advanced.catch(() => undefined);
    await advanced;
    return this.scratch === undefined ? this.copy(offset, length) : this.scratch.read(offset, length);
  }

  siblings(): Promise<readonly string[]> {
    return this.compressed.source.siblings();
  }

  sibling(name: string): Promise<RandomAccess> {
    return this.compressed.source.sibling(name);
  }

  async close(): Promise<void> {
    this.inflater.destroy();
    await this.turn;
    await this.scratch?.close();
    this.scratch = undefined;
  }

  /** Writes the compressed bytes at the pace of the inflater. */
  private async feed(): Promise<void> {
    const { source, offset, length } = this.compressed;
    try {
      for (let done = 0; done < length && !this.inflater.destroyed;) {
        const size = Math.min(chunkBytes, length - done);
        const chunk = await source.read(offset + done, size);
        done += size;
        await new Promise<void>((resolve) => {
          const go = (): void => {
            this.inflater.off('drain', go).off('close', go);
            resolve();
          };
          if (this.inflater.destroyed || this.inflater.write(chunk)) resolve();
          else this.inflater.once('drain', go).once('close', go);
        });
      }
      if (!this.inflater.destroyed) this.inflater.end();
    } catch (error) {
      this.inflater.destroy(error as Error);
    }
  }

  /** Inflates up to a number of bytes. */
  private async advance(needed: number): Promise<void> {
    while (this.produced < needed) {
      const next = await this.feeding.next().catch((cause: unknown) => {
        throw this.damaged('its compressed data is damaged or cut off', cause);
      });
      if (next.done === true)
        throw this.damaged(`its compressed data has ${this.produced} bytes, ${needed} are needed`);
      await this.keep(next.value);
      if (this.produced > this.compressed.limit) {
        this.inflater.destroy();
        throw this.damaged(`its compressed data has more than the ${this.compressed.limit} bytes it may have`);
      }
    }
  }

  private async keep(piece: Uint8Array): Promise<void> {
    const place = this.produced;
    this.produced += piece.byteLength;
    if (this.scratch === undefined && this.produced > bytesInMemory) {
      this.scratch = await ScratchFile.open();
      let written = 0;
      for (const part of this.pieces) {
        await this.scratch.write(part, written);
        written += part.byteLength;
      }
      this.pieces.length = 0;
    }
    if (this.scratch === undefined) this.pieces.push(piece);
    else await this.scratch.write(piece, place);
  }

  private copy(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const result = new Uint8Array(length);
    let start = 0;
    for (const piece of this.pieces) {
      const end = start + piece.byteLength;
      const [from, to] = [Math.max(offset, start), Math.min(offset + length, end)];
      if (from < to) result.set(piece.subarray(from - start, to - start), from - offset);
      start = end;
    }
    return result;
  }

  private damaged(reason: string, cause?: unknown): Error {
    return failure('FILE_FORMAT', { file: this.name, expected: 'complete', reason }, cause);
  }
}
