import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { failure, HyperswapError } from '@hyperswap/errors';
import { nameOfUrl } from './allowed-urls.js';
import { publicLookup } from './public-addresses.js';
import { pageBytes, type Ranges } from './ranges.js';

export interface UrlReading {
  /** Milliseconds that the answer to each request may take, its body included. */
  readonly milliseconds: number;
  /** Milliseconds from the opening after which no part of the file is read any more. */
  readonly totalMilliseconds: number;
  /** Takes names that resolve to private, loopback and link-local addresses. */
  readonly allowPrivate: boolean;
  readonly signal: AbortSignal;
}

/** Server of one file: its URL and the connections to it. */
interface Server {
  readonly url: URL;
  readonly agent: http.Agent;
  readonly reading: UrlReading;
  /** Aborts at the end of the total time. */
  readonly deadline: AbortSignal;
}

/** Part of a file, and what the server says of the whole. */
interface Answer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly size: number;
  /** Version of the file, as far as the server tells it. */
  readonly version: string;
}

/** Maximum number of requests for one range. */
const attempts = 3;
const pauseMilliseconds = 300;
const retryAfterMilliseconds = 5_000;

/**
 * Opens a file on an HTTP server by range requests (RFC 9110, section 14). Redirects are not followed, and an answer
 * that is not exactly the range that was asked for, of the same version of the file as the first, is refused.
 *
 * @throws SCENE_SOURCE_REFUSED, SCENE_SOURCE_UNREADABLE, SCENE_SOURCE_UNREACHABLE, CANCELLED
 */
export async function openUrl(url: URL, reading: UrlReading): Promise<Ranges> {
  const { Agent } = url.protocol === 'https:' ? https : http;
  const name = nameOfUrl(url.href);
  const refusal = (host: string, address: string): Error => {
    const reason = `${host} has the address ${address}, which is not public (HYPERSWAP_SCENE_URLS_PRIVATE allows it)`;
    return failure('SCENE_SOURCE_REFUSED', { source: name, reason });
  };
  // An address that the operator wrote out is not looked up.
  const agent = new Agent({ keepAlive: true, ...(!reading.allowPrivate && { lookup: publicLookup(refusal) }) });
  const server = { url, agent, reading, deadline: AbortSignal.timeout(reading.totalMilliseconds) };
  const close = (): void => agent.destroy();
  const first = await request(server, 0, pageBytes).catch((error: unknown) => {
    close();
    throw error;
  });
  const { size, version } = first;
  return {
    name,
    size,
    version: `${size} ${version}`,
    read: async (offset, length) => {
      const answer = await request(server, offset, length);
      if (answer.size === size && answer.version === version && answer.bytes.byteLength === length) return answer.bytes;
      throw unreadable(url, 'it changed while it was read');
    },
    requireSame: () => Promise.resolve(),
    close,
  };
}

async function request(server: Server, offset: number, length: number): Promise<Answer> {
  const { url, reading, deadline } = server;
  const { milliseconds, totalMilliseconds, signal } = reading;
  for (let attempt = 1; ; attempt++) {
    const limit = AbortSignal.timeout(milliseconds);
    try {
      return await requestOnce(server, offset, length, AbortSignal.any([signal, deadline, limit]));
    } catch (error) {
      if (signal.aborted) throw failure('CANCELLED', { what: 'Reading the scene' });
      if (deadline.aborted) {
        const reason = `reading it took more than ${totalMilliseconds} ms (HYPERSWAP_SCENE_URL_TOTAL_MILLISECONDS)`;
        throw unreadable(url, reason);
      }
      if (limit.aborted) throw unreachable(url, `its server did not answer within ${milliseconds} ms`, error);
      if (error instanceof HyperswapError) throw error;
      if (attempt === attempts) throw unreachable(url, reasonOf(error), error);
    }
    await sleep(pauseMilliseconds * attempt, undefined, { signal }).catch(() => undefined);
  }
}

/**
 * @throws SCENE_SOURCE_UNREADABLE for answers that a retry cannot fix; any other error for those that a retry may fix
 */
async function requestOnce(
  { url, agent }: Server,
  offset: number,
  length: number,
  signal: AbortSignal,
): Promise<Answer> {
  const headers = { range: `bytes=${offset}-${offset + length - 1}`, 'accept-encoding': 'identity' };
  const response = await answerTo(url, { agent, headers, signal });
  try {
    const { statusCode: status = 0 } = response;
    const range = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(response.headers['content-range'] ?? '');
    const [first, last, size] = (range ?? []).slice(1).map(Number);
    const encoding = response.headers['content-encoding'] ?? 'identity';
    const isRange =
      status === 206 && first === offset && size! > offset && last === Math.min(offset + length, size!) - 1;
    if (status === 429 || status >= 500) throw new Error(`its server answers with status ${status}`);
    if (encoding !== 'identity') throw unreadable(url, 'its server encodes what it sends (content-encoding)');
    if (!isRange) throw unreadable(url, reasonOfAnswer(status));
    const bytes = new Uint8Array(last! - offset + 1);
    let done = 0;
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      if (done + chunk.byteLength > bytes.byteLength)
        throw unreadable(url, 'its server sends more than it was asked for');
      bytes.set(chunk, done);
      done += chunk.byteLength;
    }
    if (done < bytes.byteLength) throw new Error(`its server sent ${done} of ${bytes.byteLength} bytes`);
    const version = `${response.headers.etag ?? ''} ${response.headers['last-modified'] ?? ''}`;
    return { bytes, size: size!, version };
  } finally {
    // A body that was read to its end leaves the connection for the next request.
    if (!response.complete) response.destroy();
  }
}

/** Makes a request, and returns the answer's head; the body is to be read. */
function answerTo(url: URL, options: http.RequestOptions): Promise<IncomingMessage> {
  const { request: begin } = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    begin(url, options).once('response', resolve).on('error', reject).end();
  });
}

function reasonOfAnswer(status: number): string {
  if (status >= 300 && status < 400) return 'its server redirects to another place, and redirects are not followed';
  if (status === 200) return 'its server does not answer requests for ranges';
  if (status === 206) return 'its server answers with another range than it was asked for';
  return `its server answers with status ${status}`;
}

function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return code === undefined ? message : `its server cannot be reached, or broke off (${code})`;
}

function unreadable(url: URL, reason: string): HyperswapError {
  return failure('SCENE_SOURCE_UNREADABLE', { source: nameOfUrl(url.href), reason });
}

function unreachable(url: URL, reason: string, cause: unknown): HyperswapError {
  return failure('SCENE_SOURCE_UNREACHABLE', { source: nameOfUrl(url.href), reason, retryAfterMilliseconds }, cause);
}
