/**
 * Preparation of a large scene by the command line, from a sparse ENVI file that is made here and removed: seconds, and
 * the peak memory of client and server, each with its child processes.
 *
 * `node tests/dist/bench/large-scene.js [--gigabytes 20] [--folder DIR] [--minutes 60]`
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { repository } from '../support/fixtures.js';

const { values: flags } = parseArgs({
  options: {
    gigabytes: { type: 'string', default: '20' },
    folder: { type: 'string', default: tmpdir() },
    minutes: { type: 'string', default: '60' },
  },
});
const [bands, samples] = [224, 2000];
const rowBytes = samples * bands * 2;
const lines = Math.floor((Number(flags.gigabytes) * 1e9) / rowBytes);
/** Rows that hold values; the others are holes of the file, zeros. */
const filledEvery = 64;
const command = path.join(repository, 'bin', 'hyperswap');

/** Writes a scene of 16 bits whose rows are mostly holes. */
async function writeSparseScene(folder: string): Promise<string> {
  const header = `ENVI\nsamples = ${samples}\nlines = ${lines}\nbands = ${bands}\ndata type = 12\ninterleave = bil\nbyte order = 0\n`;
  await writeFile(path.join(folder, 'large.hdr'), header);
  const file = await open(path.join(folder, 'large.img'), 'w');
  await file.truncate(lines * rowBytes);
  const row = new Uint16Array(samples * bands);
  for (let line = 0; line < lines; line += filledEvery) {
    for (let i = 0; i < row.length; i++) {
      const [band, sample] = [Math.floor(i / samples), i % samples];
      row[i] = 1000 + ((band * (3 + (sample % 5)) * 37) % 900) + ((line + sample * 7919 + band * 31) % 97);
    }
    await file.write(new Uint8Array(row.buffer), 0, rowBytes, line * rowBytes);
  }
  await file.close();
  return path.join(folder, 'large.img');
}

/** Resident bytes of a process and its children now, by Linux's /proc. */
function residentBytes(pid: number): number {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const parent = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${entry}/status`, 'utf8'))?.[1];
      parents.set(Number(entry), Number(parent));
    } catch {
      // It has ended in the meantime.
    }
  }
  const own = (process: number): number => {
    let bytes = 0;
    try {
      bytes = 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${process}/status`, 'utf8'))?.[1] ?? 0);
    } catch {
      return 0;
    }
    for (const [child, parent] of parents) if (parent === process) bytes += own(child);
    return bytes;
  };
  return own(pid);
}

/** Notes the most that a process and its children held, every quarter of a second. */
function watchMemory({ pid }: ChildProcess): { readonly stop: () => number } {
  let most = 0;
  const timer = setInterval(() => (most = Math.max(most, residentBytes(pid!))), 250);
  return {
    stop: () => {
      clearInterval(timer);
      return most;
    },
  };
}

const folder = await mkdtemp(path.join(flags.folder, 'hyperswap-large-'));
const environment = { ...process.env, HYPERSWAP_HOME: path.join(folder, 'home'), HYPERSWAP_LOG_LEVEL: 'info' };
const server = spawn(process.execPath, [command, 'up', '--services', 'preprocessing', '--port', '0'], {
  env: environment,
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  const scene = await writeSparseScene(folder);
  const endpoint = await new Promise<string>((resolve, reject) => {
    createInterface({ input: server.stdout }).on('line', (line) => {
      const port = /127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (port !== undefined) resolve(`127.0.0.1:${port}`);
    });
    server.once('exit', () => reject(new Error('the server ended')));
  });
  const start = performance.now();
  const serverMemory = watchMemory(server);
  const client = spawn(process.execPath, [command, '--endpoint', endpoint, 'scenes', 'prepare', scene], {
    env: environment,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const clientMemory = watchMemory(client);
  const limit = setTimeout(() => client.kill(), Number(flags.minutes) * 60_000);
  const [code] = (await once(client, 'exit')) as [number | null];
  clearTimeout(limit);
  const seconds = (performance.now() - start) / 1000;
  const mebibytes = (bytes: number): number => Math.round(bytes / 1024 ** 2);
  const row = {
    code,
    gigabytes: (lines * rowBytes) / 1e9,
    seconds: Math.round(seconds),
    megabytesPerSecond: Math.round((lines * rowBytes) / 1e6 / seconds),
    clientMebibytes: mebibytes(clientMemory.stop()),
    serverMebibytes: mebibytes(serverMemory.stop()),
  };
  console.log(JSON.stringify(row));
  if (code !== 0) process.exitCode = 1;
} finally {
  server.kill();
  await rm(folder, { recursive: true, force: true });
}
