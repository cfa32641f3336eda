/**
 * Pauses of event loops, measured from inside the process concerned, while it does its heaviest work; and its memory at
 * the peak. The numbers are printed with each test.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { deflateSync } from 'node:zlib';
import type { Scene } from '@hyperswap/proto';
import { startPod, type Pod } from '../support/fleet.js';
import { longer, type Pause } from '../support/pause-probe.js';
import { memoryOf } from '../support/process-memory.js';
import type { ReadingCost } from '../support/read-file.js';
import { send, sceneHeader } from '../support/uploads.js';

/** Maximum pause of an event loop in milliseconds: calls of others, health and progress wait for this time. */
const longestPauseAllowed = 100;
const mebibyte = 1024 ** 2;
const run = promisify(execFile);

let directory: string;

before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-pauses-'));
});

after(() => rm(directory, { recursive: true, force: true }));

/** Prints the measurement, and checks it against the limits. */
function check(t: TestContext, what: string, cost: Omit<ReadingCost, 'read'>, memoryAllowed: number): void {
  const { seconds, longestPause, mebibytes, mebibytesBefore } = cost;
  t.diagnostic(
    `${what}: longest pause ${longestPause.computed.toFixed(0)} ms (${longestPause.elapsed.toFixed(0)} ms on the clock), ${seconds.toFixed(1)} s, ` +
      `${mebibytes.toFixed(0)} MiB at the peak, ${mebibytesBefore.toFixed(0)} MiB before`,
  );
  assert.ok(longestPause.computed < longestPauseAllowed, `the event loop stood still for ${longestPause.computed} ms`);
  assert.ok(mebibytes < memoryAllowed, `${mebibytes} MiB`);
}

/** Returns uint16 values that look like spectra with noise, the same ones each time. */
function spectra(count: number, bands: number): Uint16Array {
  const values = new Uint16Array(count);
  let state = 1;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = 1000 + 4 * (i % bands) + (state >>> 24);
  }
  return values;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint16Array | BigInt64Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

describe('a service that prepares', () => {
  let pod: Pod;
  let pauses: string;

  before(async () => {
    pauses = path.join(directory, 'pauses.jsonl');
    const probe = new URL('../support/record-pauses.js', import.meta.url).href;
    pod = await startPod('preprocessing', {
      ...process.env,
      HYPERSWAP_HOME: path.join(directory, 'home'),
      HYPERSWAP_LOG_LEVEL: 'silent',
      NODE_OPTIONS: `--import ${probe}`,
      PAUSES_FILE: pauses,
    });
  });

  after(() => pod.kill());

  /** Sends a scene by about a MiB at a time. */
  async function prepareScene(name: string, height: number, width: number, bands: number): Promise<Scene> {
    const source = {
      header: sceneHeader(name, { height, width, bands }),
      step: Math.max(1, Math.floor(mebibyte / (2 * width * bands))),
      pixels: (_: number, count: number) => bytesOf(spectra(count * width * bands, bands)),
    };
    return (await send(pod, source)).scene!;
  }

  /** Longest pause that ended after a time. */
  function longestPauseSince(time: number): Pause {
    const lines = readFileSync(pauses, 'utf8').split('\n').filter(Boolean);
    const all = lines.map((line) => JSON.parse(line) as Pause & { readonly endedAt: number });
    return all.filter(({ endedAt }) => endedAt >= time).reduce(longer, { computed: 0, elapsed: 0 });
  }

  for (const [height, width, bands, memoryAllowed] of [
    [2, 2, 1500, 400],
    [64, 64, 1000, 500],
    [600, 600, 250, 600],
  ] as const) {
    const what = `${height} × ${width} × ${bands}`;
    test(`answers within 100 ms while it prepares ${what}, in bounded memory`, async (t) => {
      const pid = pod.process.pid!;
      // Resets the peak.
      writeFileSync(`/proc/${pid}/clear_refs`, '5');
      const mebibytesBefore = memoryOf(pid) / mebibyte;
      const time = Date.now();
      const start = performance.now();
      const scene = await prepareScene(`s${bands}`, height, width, bands);
      const seconds = (performance.now() - start) / 1000;
      assert.equal(scene.raster!.bands, bands);
      const mebibytes = memoryOf(pid, 'VmHWM') / mebibyte;
      check(t, what, { seconds, longestPause: longestPauseSince(time), mebibytes, mebibytesBefore }, memoryAllowed);
    });
  }
});

describe('a client that reads', () => {
  async function read(...args: string[]): Promise<ReadingCost> {
    const program = fileURLToPath(new URL('../support/read-file.js', import.meta.url));
    const { stdout } = await run(process.execPath, [program, ...args], { timeout: 120_000 });
    return JSON.parse(stdout) as ReadingCost;
  }

  /** Writes a file from pieces, as they are made. */
  async function write(name: string, pieces: Iterable<string | Uint8Array>): Promise<string> {
    const file = path.join(directory, name);
    await pipeline(Readable.from(pieces), createWriteStream(file));
    return file;
  }

  /** Header of a NumPy file, version 1.0. */
  function npyHeader(type: string, columnMajor: boolean, shape: readonly number[]): Buffer {
    const fields = `{'descr': '<${type}', 'fortran_order': ${columnMajor ? 'True' : 'False'}, 'shape': (${shape.join(', ')}), }`;
    const header = Buffer.alloc(128, ' ');
    header.write('\x93NUMPY\x01\x00', 'latin1');
    header.writeUInt16LE(128 - 10, 8);
    header.write(`${fields.padEnd(128 - 11)}\n`, 10, 'latin1');
    return header;
  }

  test('pauses for less than 100 ms in a .npy of 180 MB', async (t) => {
    const [height, width, bands] = [600, 600, 250];
    const row = bytesOf(spectra(width * bands, bands));
    const file = await write('scene.npy', [
      npyHeader('u2', false, [height, width, bands]),
      ...Array.from({ length: height }, () => row),
    ]);
    const cost = await read('pixels', file);
    assert.equal(cost.read, height * width * bands);
    check(t, '.npy, 180 MB', cost, 400);
  });

  test('pauses for less than 100 ms in 185 kB of MATLAB v5 that inflate to 190 MB', async (t) => {
    const shape = [400, 300, 198];
    const values = 400 * 300 * 198;
    const element = (type: number, content: Uint8Array): Buffer => {
      const tag = Buffer.alloc(8);
      tag.writeUInt32LE(type, 0);
      tag.writeUInt32LE(content.byteLength, 4);
      return Buffer.concat([tag, content, Buffer.alloc(-content.byteLength & 7)]);
    };
    const words = (...numbers: number[]): Buffer => Buffer.from(Uint32Array.from(numbers).buffer);
    const matrix = [
      element(6, words(6, 0)),
      element(5, words(...shape)),
      element(1, Buffer.from('cube')),
      element(9, Buffer.alloc(8 * values)),
    ];
    const compressed = deflateSync(element(14, Buffer.concat(matrix)), { level: 9 });
    const header = Buffer.alloc(128, ' ');
    header.writeUInt16LE(0x0100, 124);
    header.write('IM', 126);
    const tag = words(15, compressed.byteLength);
    const file = await write('small.mat', [header, tag, compressed]);
    const cost = await read('pixels', file);
    assert.equal(cost.read, values);
    check(t, 'MATLAB v5, 185 kB', cost, 400);
  });

  test('pauses for less than 100 ms in labels of 190 MB, 64-bit integers column by column', async (t) => {
    const side = 4_870;
    const column = bytesOf(BigInt64Array.from({ length: side }, (_, row) => BigInt(row % 4)));
    const file = await write('labels.npy', [
      npyHeader('i8', true, [side, side]),
      ...Array.from({ length: side }, () => column),
    ]);
    const cost = await read('labels', file, String(side), String(side));
    // Rows 0, 4, 8 … have no label.
    assert.equal(cost.read, side * (side - Math.ceil(side / 4)));
    check(t, 'label raster, 190 MB', cost, 400);
  });

  test('pauses for less than 100 ms in a label table of ten million rows', async (t) => {
    const [height, width] = [4_000, 2_500];
    function* lines(): Generator<string> {
      yield 'row,column,label\n';
      for (let row = 0; row < height; row++) {
        let text = '';
        for (let column = 0; column < width; column++) text += `${row},${column},${((row + column) % 9) + 1}\n`;
        yield text;
      }
    }
    const cost = await read('labels', await write('labels.csv', lines()), String(height), String(width));
    assert.equal(cost.read, height * width);
    check(t, 'label table, 10⁷ rows', cost, 400);
  });

  test('pauses for less than 100 ms in GeoJSON of a million vertices', async (t) => {
    const vertices = 1_000_000;
    function* star(): Generator<string> {
      yield '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"class":1},"geometry":{"type":"Polygon","coordinates":[[';
      let text = '';
      for (let i = 0; i <= vertices; i++) {
        const angle = (2 * Math.PI * (i % vertices)) / vertices;
        const radius = 200 + 50 * Math.sin(37 * angle) + (i % 2);
        text += `${i === 0 ? '' : ','}[${(300 + radius * Math.cos(angle)).toFixed(4)},${(300 + radius * Math.sin(angle)).toFixed(4)}]`;
        if (i % 10_000 !== 0) continue;
        yield text;
        text = '';
      }
      yield `${text}]]}}]}`;
    }
    const cost = await read('labels', await write('star.geojson', star()), '600', '600');
    assert.ok(cost.read > 100_000, `${cost.read} pixels`);
    check(t, 'GeoJSON, 10⁶ vertices', cost, 800);
  });

  test('counts what stands still: a loop that blocks is told', async () => {
    const probe = new URL('../support/pause-probe.js', import.meta.url).href;
    const code =
      `import { watchPauses } from ${JSON.stringify(probe)}; let longest = 0;` +
      `watchPauses(({ computed }) => (longest = Math.max(longest, computed)));` +
      `await new Promise((go) => setTimeout(go, 20)); for (let i = 0; i < 3e8; i++) longest = Math.max(0, longest - 1);` +
      `await new Promise((go) => setTimeout(go, 20)); process.stdout.write(String(longest));`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', code]);
    assert.ok(Number(stdout) > 100, stdout);
  });
});
