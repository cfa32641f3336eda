import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fetchFile } from '@hyperswap/cli';
import { hasCode } from '../support/errors.js';

const content = randomBytes(300_000);
const digest = createHash('sha256').update(content).digest('hex');
let server: Server;
let directory: string;
let url: string;
/** Bytes after which the server drops the connection; 0: never. */
let dropAfter = 0;
const asked: (string | undefined)[] = [];

before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-fetch-'));
  server = createServer((request, response) => {
    asked.push(request.headers.range);
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (start >= content.byteLength) {
      response.writeHead(416).end();
      return;
    }
    const rest = content.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': rest.byteLength });
    if (dropAfter === 0) response.end(rest);
    else response.write(rest.subarray(0, dropAfter), () => setTimeout(() => response.destroy(), 50));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/weights.pth`;
});

after(async () => {
  server.close();
  await rm(directory, { recursive: true, force: true });
});

const fetched = (file: string, sha256?: string) =>
  fetchFile(url, file, { sha256, report: () => undefined, signal: new AbortController().signal });

test('an interrupted download goes on where it stopped, and the file appears when it is whole', async () => {
  const file = path.join(directory, 'weights.pth');
  dropAfter = 100_000;
  await assert.rejects(fetched(file, digest), hasCode('DOWNLOAD_FAILED'));
  await assert.rejects(stat(file));
  const { size } = await stat(`${file}.part`);
  assert.ok(size > 0 && size < content.byteLength);
  dropAfter = 0;
  assert.deepEqual(await fetched(file, digest), { bytes: content.byteLength, sha256: digest });
  assert.equal(asked.at(-1), `bytes=${size}-`);
  assert.ok(content.equals(await readFile(file)));
});

test('a download that was whole but not yet named is finished without a byte', async () => {
  const file = path.join(directory, 'again.pth');
  await writeFile(`${file}.part`, content);
  assert.equal((await fetched(file)).sha256, digest);
});

test('another content than the one wanted is thrown away', async () => {
  const file = path.join(directory, 'other.pth');
  await assert.rejects(fetched(file, '0'.repeat(64)), hasCode('HASH_MISMATCH', /instead of 0000/));
  await assert.rejects(stat(file));
  await assert.rejects(stat(`${file}.part`));
});
