/**
 * HTTP server of one file that answers requests for ranges, and, by the name that is asked for, as servers should not.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CogWriter, OutputFolder } from '@hyperswap/raster';
import { madeUpScene } from './uploads.js';

export const cogSize = { height: 300, width: 290, bands: 16 };
export const cogTransform = [20, 0, 500_000, 0, -20, 4_000_000] as const;

/** GeoTIFF of one byte a value, and its values: `[height, width, bands]`. */
export interface MadeUpCog {
  readonly file: Buffer;
  readonly values: Buffer;
}

/** Writes a Cloud Optimized GeoTIFF of many tiles. */
export async function madeUpCog(): Promise<MadeUpCog> {
  const { height, width, bands } = cogSize;
  const pixels = madeUpScene('made-up', cogSize).pixels(0, height);
  const values = Buffer.from(new Uint16Array(new Uint8Array(pixels).buffer).map((value) => value >> 5));
  const directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-cog-'));
  try {
    const folder = await OutputFolder.open(directory);
    const writer = await CogWriter.create(folder, 'scene.tif', {
      ...{ height, width, overviews: 'mean', facts: {}, nodata: 0 },
      ...{ descriptions: Array.from({ length: bands }, (_, band) => `band ${band}`) },
      ...{ crs: { epsg: 32616 }, transform: cogTransform },
    });
    await writer.append(values);
    await writer.finish();
    return { file: await readFile((await folder.commit())[0]!), values };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export interface RangeServer {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  readonly port: number;
  /** Paths that were asked for, since `forget`. */
  readonly asked: readonly string[];
  forget(): void;
  /** Answers the requests for the last quarter of `held…`, which wait until it is called. */
  release(): void;
  /** Lets them wait again. */
  hold(): void;
  /** Replaces the file that is served. */
  serve(file: Buffer): void;
  close(): void;
}

/** @param elsewhere place that `redirecting` leads to */
export async function startRangeServer(given: Buffer, elsewhere = '/allowed/scene.tif'): Promise<RangeServer> {
  let file = given;
  let version = 1;
  const asked: string[] = [];
  const waiting: (() => void)[] = [];
  let isHeld = true;
  const server = createServer((request, response) => {
    const { url = '' } = request;
    asked.push(url);
    const [, first = Number.NaN, last = 0] = (/^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []).map(
      Number,
    );
    const go = (): void => answer({ url, first, last }, request, response);
    if (url.includes('held') && first > 0.75 * file.length && isHeld) waiting.push(go);
    else if (url.includes('slow')) setTimeout(go, 700);
    else go();
  });

  function answer(
    { url, first, last }: { readonly url: string; readonly first: number; readonly last: number },
    _: IncomingMessage,
    response: ServerResponse,
  ): void {
    if (url.includes('hanging')) return;
    if (url.includes('redirecting')) {
      response.writeHead(302, { location: elsewhere }).end();
      return;
    }
    const status = /status-(\d+)/.exec(url)?.[1];
    if (status !== undefined) {
      response.writeHead(Number(status)).end();
      return;
    }
    if (url.includes('whole') || Number.isNaN(first)) {
      response.writeHead(200, { 'content-length': file.length }).end(file);
      return;
    }
    const content = url.includes('picture') ? Buffer.from('\x89PNG\r\n\x1a\n and so on, for a while', 'latin1') : file;
    const part = content.subarray(first, last + 1);
    const etag = `"${url.includes('renewed') ? asked.length : version}"`;
    const total = url.includes('larger') ? 4_000_000_000_000 : content.length;
    const end = url.includes('larger') ? last : first + part.length - 1;
    const range = `bytes ${first}-${end}/${total}`;
    const isTooMuch = url.includes('too-much') && first > 0;
    const length = isTooMuch ? {} : { 'content-length': end - first + 1 };
    const encoding = url.includes('zipped') ? { 'content-encoding': 'gzip' } : {};
    response.writeHead(206, { 'content-range': range, ...length, ...encoding, etag });
    if (isTooMuch) {
      // Sends as long as the other side reads.
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on('drain', more);
      more();
    } else if (url.includes('truncated') && first > 0) {
      response.write(part.subarray(0, 100));
      setTimeout(() => response.destroy(), 20);
    } else if (url.includes('dripping') && first > 0) {
      let sent = 0;
      const timer = setInterval(() => {
        if (response.destroyed) clearInterval(timer);
        else response.write(part.subarray(sent, ++sent));
      }, 50);
    } else response.end(part);
  }

  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    asked,
    forget: () => void asked.splice(0),
    release: () => {
      isHeld = false;
      for (const go of waiting.splice(0)) go();
    },
    hold: () => {
      isHeld = true;
    },
    serve: (next) => {
      file = next;
      version += 1;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
