/**
 * Downloads from a package index without Python, by the Simple API:
 * https://packaging.python.org/en/latest/specifications/simple-repository-api/
 */
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { failure } from '@hyperswap/errors';
import type { PinnedWheel } from './pinned-wheel.js';

const maximumPageBytes = 32 * 1024 ** 2;
const maximumWheelBytes = 2 * 1024 ** 3;
/** Milliseconds without a byte until a download is given up. */
const idleMilliseconds = 60_000;

/**
 * Downloads the file that has the wheel's digest from the index of `PIP_INDEX_URL`.
 *
 * @throws DOWNLOAD_FAILED if no index is named, or it does not answer, or does not have that file
 */
export async function downloadFromIndex(wheel: PinnedWheel, directory: string): Promise<void> {
  const what = `${wheel.project} ${wheel.version}`;
  const index = process.env.PIP_INDEX_URL;
  if (index === undefined) {
    const mend =
      'Set PIP_INDEX_URL to the address of a Python package index that ends with /simple, install Python with pip, or set TENSORFLOW_WHEEL to a file.';
    throw failure('DOWNLOAD_FAILED', { what, reason: 'there is no pip, and PIP_INDEX_URL names no index', mend });
  }
  const page = `${index.replace(/\/+$/, '')}/${wheel.project}/`;
  try {
    const target = await fileWith(wheel.sha256, page);
    const name = path.posix.basename(target.pathname);
    await receive(target.href, maximumWheelBytes, (body) =>
      pipeline(body, createWriteStream(path.join(directory, name))),
    );
  } catch (cause) {
    const { message, cause: reason } = cause as Error;
    throw failure(
      'DOWNLOAD_FAILED',
      {
        what,
        reason: `${page}: ${reason instanceof Error ? reason.message || message : message}`,
        mend: 'Check the network, or name another index in PIP_INDEX_URL. With Python and pip, their settings and proxies apply.',
      },
      cause,
    );
  }
}

/** Finds the address of a file by its digest, which an index has behind each link. */
async function fileWith(sha256: string, page: string): Promise<URL> {
  const chunks: Buffer[] = [];
  const base = await receive(page, maximumPageBytes, async (body) => {
    for await (const chunk of body) chunks.push(chunk as Buffer);
  });
  const links = Buffer.concat(chunks)
    .toString('utf8')
    .matchAll(/<a\s[^>]*?href\s*=\s*["']([^"']+)["']/gi);
  for (const [, link] of links) {
    if (link!.endsWith(`#sha256=${sha256}`)) return new URL(link!.replaceAll('&amp;', '&'), base);
  }
  throw new Error(`it has no file with the sha-256 ${sha256}`);
}

/** Receives at most `maximumBytes`. @returns the address that answered */
async function receive(
  address: string,
  maximumBytes: number,
  read: (body: AsyncIterable<unknown>) => Promise<void>,
): Promise<string> {
  const controller = new AbortController();
  const giveUp = (): void => {
    controller.abort(new Error(`nothing came for ${idleMilliseconds / 1000} s`));
  };
  let timer = setTimeout(giveUp, idleMilliseconds);
  try {
    const headers = { accept: 'text/html' };
    const response = await fetch(address, { headers, signal: controller.signal });
    if (!response.ok || response.body === null) throw new Error(`it answers ${response.status}`);
    const body = Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
    let received = 0;
    await read(
      (async function* () {
        for await (const chunk of body as AsyncIterable<Buffer>) {
          clearTimeout(timer);
          timer = setTimeout(giveUp, idleMilliseconds);
          received += chunk.length;
          if (received > maximumBytes) throw new Error(`it sends more than ${maximumBytes} bytes`);
          yield chunk;
        }
      })(),
    );
    return response.url;
  } finally {
    clearTimeout(timer);
  }
}
