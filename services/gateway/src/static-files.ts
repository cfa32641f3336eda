/** The console's files, read once at the start: they are small, and change only with a release. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress } from 'node:zlib';

const compress = promisify(brotliCompress);

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.json': 'application/json',
};

interface StaticFile {
  readonly content: Buffer;
  readonly compressed: Buffer;
  readonly type: string;
  readonly tag: string;
  /** Its name changes with its content. */
  readonly isHashed: boolean;
}

export class StaticFiles {
  private constructor(private readonly files: ReadonlyMap<string, StaticFile>) {}

  /** Reads all files of a folder. */
  static async read(directory: string): Promise<StaticFiles> {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile() && path.extname(entry.name) in types)
      .map(async (entry) => {
        const file = path.join(entry.parentPath, entry.name);
        const content = await readFile(file);
        const name = `/${path.relative(directory, file).split(path.sep).join('/')}`;
        const tag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
        const type = types[path.extname(entry.name)]!;
        const compressed = await compress(content);
        return [name, { content, compressed, type, tag, isHashed: name.startsWith('/assets/') }] as const;
      });
    return new StaticFiles(new Map(await Promise.all(files)));
  }

  /** Answers a request for a file. @returns false when there is no such file */
  answer({ headers, method }: IncomingMessage, response: ServerResponse, name: string): boolean {
    const file = this.files.get(name === '/' ? '/index.html' : name);
    if (file === undefined) return false;
    response.setHeader('etag', file.tag);
    response.setHeader('vary', 'accept-encoding');
    response.setHeader('cache-control', file.isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
    if (headers['if-none-match']?.split(/, */).includes(file.tag) === true) {
      response.writeHead(304).end();
      return true;
    }
    const isCompressed = /\bbr\b/.test(headers['accept-encoding']?.toString() ?? '');
    const content = isCompressed ? file.compressed : file.content;
    response.writeHead(200, {
      'content-type': file.type,
      'content-length': content.byteLength,
      ...(isCompressed ? { 'content-encoding': 'br' } : {}),
    });
    response.end(method === 'HEAD' ? undefined : content);
    return true;
  }
}
