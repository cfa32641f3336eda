/** `GET /maps/<job>/<file>`: files of a map, whole or by byte ranges. */
import { open } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import { failure, isId } from '@hyperswap/errors';
import type { Channels } from '../routes.js';
import { sendPiece } from '../send-piece.js';
import { byteRange } from './byte-range.js';
import { Caller } from './caller.js';
import type { MapCache } from './map-cache.js';
import { isMapFile, mapFileTypes, type MapFile } from './write-map.js';

/** Bytes that are read at once. */
const pieceBytes = 256 * 1024;

/** File of a map that a request names. */
export interface MapRequest {
  readonly job: string;
  readonly file: MapFile;
  /** Pixels that smoothing reaches; 0 for none. */
  readonly reach: number;
}

/** Returns the file that a path names; undefined for other paths. @throws HTTP_INVALID for a reach that is no number */
export function mapRequest({ pathname, searchParams }: URL): MapRequest | undefined {
  const [, job = '', name = ''] = /^\/maps\/([^/]+)\/([^/]+)$/.exec(pathname) ?? [];
  if (!isMapFile(name) || !isId(job)) return undefined;
  const reach = searchParams.get('smooth') ?? '0';
  if (!/^\d{1,4}$/.test(reach))
    throw failure('HTTP_INVALID', { reason: '"smooth" is not a number of pixels up to 1000' });
  return { job, file: name, reach: Number(reach) };
}

/**
 * Answers a request for a file of a map. The services check the caller's token at each request.
 *
 * @throws JOB_NOT_FOUND, JOB_NOT_DONE, TOKEN_MISSING, ROLE_MISSING, GATEWAY_BUSY, FIELD_INVALID, CANCELLED
 */
export async function answerMap(
  request: IncomingMessage,
  response: ServerResponse,
  { job: id, file, reach }: MapRequest,
  { channels, cache }: { readonly channels: Channels; readonly cache: MapCache },
): Promise<void> {
  const left = new AbortController();
  response.once('close', () => left.abort());
  const caller = new Caller(channels, request.headers);
  const job = await caller.finishedJob(id, left.signal);
  if (file === 'probabilities.tif' && !job.probabilities) {
    const reason = 'the job did not keep probabilities: classify the scene with probabilities';
    throw failure('FIELD_INVALID', { field: 'file', reason });
  }
  await cache.use(job, reach, caller, left.signal, (directory) =>
    sendFile(request, response, directory, file, `"${id}-${reach}-${file}"`),
  );
}

async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  directory: string,
  file: MapFile,
  tag: string,
): Promise<void> {
  const handle = await open(path.join(directory, file));
  try {
    const { size } = await handle.stat();
    response.setHeader('accept-ranges', 'bytes');
    response.setHeader('etag', tag);
    // The content of a map never changes, but the permissions of its readers may.
    response.setHeader('cache-control', 'private, no-cache');
    const { range: wanted, 'if-range': condition, 'if-none-match': known } = request.headers;
    if (known === tag) {
      response.writeHead(304).end();
      return;
    }
    const range = byteRange(condition === undefined || condition === tag ? wanted : undefined, size);
    if (range === 'unsatisfiable') {
      response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
      return;
    }
    const { first, last } = range ?? { first: 0, last: size - 1 };
    response.writeHead(range === undefined ? 200 : 206, {
      'content-type': mapFileTypes[file],
      'content-length': last - first + 1,
      'content-disposition': `inline; filename="${file}"`,
      ...(range === undefined ? {} : { 'content-range': `bytes ${first}-${last}/${size}` }),
    });
    if (request.method !== 'HEAD') {
      for (let position = first; position <= last; position += pieceBytes) {
        const length = Math.min(pieceBytes, last - position + 1);
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
        await sendPiece(response, buffer.subarray(0, bytesRead));
      }
    }
    response.end();
  } finally {
    await handle.close();
  }
}
