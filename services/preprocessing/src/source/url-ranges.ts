import { setTimeout as sleep } from 'node:timers/promises';
import { failure, HyperswapError } from '@hyperswap/errors';
import { nameOfUrl } from './allowed-urls.js';
import { pageBytes, type Ranges } from './ranges.js';

export interface UrlReading {
  /** Milliseconds that the answer to each request may take. */
  readonly milliseconds: number;
  readonly signal: AbortSignal;
}

/** Part of a file, and what the server says of the whole. */
interface Answer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly size: number;
  /** Version of the file, as far as the server tells it. */
  readonly version: string;
}

/** Requests for one range before it is given up. */
const attempts = 3;
const pauseMilliseconds = 300;

/**
 * Opens a file on an HTTP server by range requests (RFC 9110, section 14). Redirects are not followed, and an answer that is not exactly the range
 * that was asked for, of the same version of the file as the first, is refused.
 *
 * @throws SCENE_SOURCE_UNREADABLE, CANCELLED
 */
export async function openUrl(url: URL, reading: UrlReading): Promise<Ranges> {
  const { size, version } = await request(url, 0, pageBytes, reading);
  const name = nameOfUrl(url.href);
  return {
    name,
    size,
    read: async (offset, length) => {
      const answer = await request(url, offset, length, reading);
      if (answer.size === size && answer.version === version && answer.bytes.byteLength === length) return answer.bytes;
      throw unreadable(url, 'it changed while it was read');
    },
  };
}

async function request(url: URL, offset: number, length: number, reading: UrlReading): Promise<Answer> {
  const { milliseconds, signal } = reading;
  for (let attempt = 1; ; attempt++) {
    const limit = AbortSignal.timeout(milliseconds);
    try {
      return await requestOnce(url, offset, length, AbortSignal.any([signal, limit]));
    } catch (error) {
      if (signal.aborted) throw failure('CANCELLED', { what: 'Reading the scene' });
      if (limit.aborted) throw unreadable(url, `its server did not answer within ${milliseconds} ms`, error);
      if (error instanceof HyperswapError) throw error;
      if (attempt === attempts) throw unreadable(url, reasonOf(error), error);
    }
    await sleep(pauseMilliseconds * attempt, undefined, { signal }).catch(() => undefined);
  }
}

/** @throws SCENE_SOURCE_UNREADABLE for answers that no repetition mends; any other error for those that one may mend */
async function requestOnce(url: URL, offset: number, length: number, signal: AbortSignal): Promise<Answer> {
  const headers = { range: `bytes=${offset}-${offset + length - 1}`, 'accept-encoding': 'identity' };
  const response = await fetch(url, { headers, redirect: 'manual', signal });
  const { status, body } = response;
  const range = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(response.headers.get('content-range') ?? '');
  const [first, last, size] = (range ?? []).slice(1).map(Number);
  const encoding = response.headers.get('content-encoding') ?? 'identity';
  const isRange = status === 206 && first === offset && size! > offset && last === Math.min(offset + length, size!) - 1;
  if (!isRange || encoding !== 'identity' || body === null) {
    await body?.cancel();
    if (status === 429 || status >= 500) throw new Error(`its server answers with status ${status}`);
    throw unreadable(url, reasonOfAnswer(status));
  }
  const bytes = new Uint8Array(last! - offset + 1);
  let done = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    if (done + chunk.byteLength > bytes.byteLength)
      throw unreadable(url, 'its server sends more than it was asked for');
    bytes.set(chunk, done);
    done += chunk.byteLength;
  }
  if (done < bytes.byteLength) throw new Error(`its server sent ${done} of ${bytes.byteLength} bytes`);
  const version = `${response.headers.get('etag') ?? ''} ${response.headers.get('last-modified') ?? ''}`;
  return { bytes, size: size!, version };
}

function reasonOfAnswer(status: number): string {
  if (status >= 300 && status < 400) return 'its server redirects to another place, and redirects are not followed';
  if (status === 200) return 'its server does not answer requests for ranges';
  if (status === 206) return 'its server answers with another range than it was asked for';
  return `its server answers with status ${status}`;
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  return code === undefined ? message : `its server cannot be reached (${code})`;
}

function unreadable(url: URL, reason: string, cause?: unknown): HyperswapError {
  return failure('SCENE_SOURCE_UNREADABLE', { source: nameOfUrl(url.href), reason }, cause);
}
