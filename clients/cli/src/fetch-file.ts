import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { failure, HyperswapError, throwIfAborted } from '@hyperswap/errors';

export interface FetchOptions {
  /** Expected digest in hexadecimal; other content is deleted. */
  readonly sha256: string | undefined;
  readonly report: (done: number, total: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Downloads a file. A partial download stays beside it as `.part`, and a repeated call resumes it if the server
 * supports that. The file itself appears when it is complete.
 *
 * @throws DOWNLOAD_FAILED, HASH_MISMATCH, CANCELLED
 */
export async function fetchFile(
  url: string,
  file: string,
  { sha256, report, signal }: FetchOptions,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const part = `${file}.part`;
  const failed = (reason: string, cause?: unknown): Error =>
    failure('DOWNLOAD_FAILED', { what: url, reason, mend: 'Repeat the command to resume the download.' }, cause);
  try {
    const present = await sizeOf(part);
    const headers = new Headers(present > 0 ? { range: `bytes=${present}-` } : {});
    const response = await fetch(url, { headers, signal });
    // 416: the file is already complete.
    if (response.status !== 416) {
      if (!response.ok || response.body === null) throw failed(`the server answered ${response.status}`);
      const resumed = response.status === 206;
      let done = resumed ? present : 0;
      const total = done + Number(response.headers.get('content-length') ?? 0);
      const counted = async function* (content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
        for await (const piece of content) {
          done += piece.byteLength;
          report(Math.min(done, total), total);
          yield piece;
        }
      };
      const target = createWriteStream(part, { flags: resumed ? 'a' : 'w' });
      await pipeline(Readable.fromWeb(response.body as never), counted, target);
      if (total > 0 && done < total) throw failed(`it ended after ${done} of ${total} bytes`);
    }
    const hash = createHash('sha256');
    await pipeline(createReadStream(part), hash);
    const found = hash.digest('hex');
    if (sha256 !== undefined && found !== sha256.toLowerCase()) {
      await rm(part, { force: true });
      throw failure('HASH_MISMATCH', { what: url, found, wanted: sha256 });
    }
    await rename(part, file);
    return { bytes: await sizeOf(file), sha256: found };
  } catch (cause) {
    if (cause instanceof HyperswapError) throw cause;
    throwIfAborted(signal, 'The download');
    throw failed(
      cause instanceof Error ? ((cause.cause as Error | undefined)?.message ?? cause.message) : String(cause),
      cause,
    );
  }
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}
