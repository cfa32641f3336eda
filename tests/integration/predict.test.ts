/** Predict shares the queue with all other work, in bounded memory, and keeps no backbone for good. */
import assert from 'node:assert/strict';
import { setMaxListeners } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Precision, type PredictHeader, type PredictRequest, type Scene } from '@hyperswap/proto';
import { callUnary, exchange } from '@hyperswap/rpc';
import { Random } from '@hyperswap/random';
import { backboneConfigs, residentBytes } from '@hyperswap/spectralgpt';
import { hasCode } from '../support/errors.js';
import { eventually, startPod, type Pod } from '../support/fleet.js';
import { importOtherConfig } from '../support/import-backbone.js';
import { growth } from '../support/process-memory.js';
import { prepareToy } from '../support/services.js';
import { oneByOne, registerMadeUp, scoreHeader, scoreTile, TileStream } from '../support/tile-client.js';

const mebibyte = 1024 ** 2;
const patchBytes = 4 * 12 * 32 ** 2;
/** Patches of the largest message. */
const manyPatches = Math.floor((16 * mebibyte) / patchBytes);
const mini = residentBytes(backboneConfigs.mini, 'float32');
/** Room for two backbones that are not served. */
const backboneBytes = Math.floor(2.5 * mini);
const others = ['other-1', 'other-2', 'other-3', 'other-4'];

let home: string;
let pod: Pod;
let scene: Scene;

before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'hyperswap-predict-'));
  pod = await startPod('preprocessing,trainer,tile-inference', {
    ...process.env,
    HYPERSWAP_HOME: home,
    HYPERSWAP_LOG_LEVEL: 'silent',
    HYPERSWAP_PRECISION: 'float32',
    HYPERSWAP_QUEUE_BYTES: String(256 * mebibyte),
    HYPERSWAP_BACKBONE_BYTES: String(backboneBytes),
  });
  scene = await prepareToy(pod);
  await registerMadeUp(pod, scene, 'toy', { patchSize: 9 });
  for (const [place, name] of others.entries()) await importOtherConfig(pod, name, { heads: [1, 2, 3, 12][place] });
});

after(async () => {
  await pod.kill();
  await rm(home, { recursive: true, force: true });
});

function patchesOf(count: number, seed = 1): Buffer {
  return Buffer.from(new Random(seed).normals((count * patchBytes) / 4, 1).buffer);
}

const headerOf = (change: Partial<PredictHeader> = {}): PredictHeader => ({
  backbone: '',
  precision: Precision.PRECISION_UNSPECIFIED,
  adapter: undefined,
  ...change,
});

/** Predicts messages of patches. @returns rows, one after the other @param onRows is told the rows of each answer */
async function predict(
  header: PredictHeader,
  messages: readonly Buffer[],
  { signal, onRows }: { readonly signal?: AbortSignal; readonly onRows?: (count: number) => void } = {},
): Promise<Float32Array> {
  // eslint-disable-next-line @typescript-eslint/require-await -- the exchange takes an async iterable
  async function* requests(): AsyncGenerator<PredictRequest> {
    yield { part: { $case: 'header', value: header } };
    for (const value of messages) yield { part: { $case: 'patches', value } };
  }
  const rows: Buffer[] = [];
  for await (const { count, values } of exchange(pod.tiles, pod.tiles.predict(), requests(), signal)) {
    rows.push(values);
    onRows?.(count);
  }
  return new Float32Array(new Uint8Array(Buffer.concat(rows)).buffer);
}

const status = () => callUnary(pod.tiles, 'getStatus', {});

test('rows come in the order of the patches, however they are cut into messages and batches', async () => {
  const count = 150;
  const all = patchesOf(count);
  for (const header of [headerOf(), headerOf({ adapter: { $case: 'reference', value: 'toy' } })]) {
    const whole = await predict(header, [all]);
    const pieces: Buffer[] = [];
    for (let start = 0; start < all.byteLength; start += 37 * patchBytes) {
      pieces.push(all.subarray(start, start + 37 * patchBytes));
    }
    const cut = await predict(header, pieces);
    assert.equal(cut.length, whole.length);
    assert.ok(whole.length % count === 0);
    assert.ok(cut.every((value, index) => Math.abs(value - whole[index]!) < 1e-4));
  }
});

test('four messages of 16 MiB grow the process by less than 256 MiB, and a tile of another client does not wait for them', async (t) => {
  const tile = scoreTile('other', 8, 4);
  const stream = new TileStream(pod.endpoint, scoreHeader(scene.name, 'toy'));
  try {
    await oneByOne(stream, tile, (count) => count === 1);
    const message = patchesOf(manyPatches);
    const rows = [0, 0, 0, 0];
    let rowsBefore = Infinity;
    let rowsAfter = 0;
    const sum = (): number => rows.reduce((a, b) => a + b, 0);
    const grown = await growth(
      pod.process.pid!,
      (async () => {
        const predicting = Promise.all(
          rows.map((_, call) => predict(headerOf(), [message], { onRows: (count) => (rows[call]! += count) })),
        );
        await eventually(30_000, async () => assert.ok((await status()).waitingPatches > 2 * manyPatches));
        rowsBefore = sum();
        await oneByOne(stream, tile, (count) => count === 1);
        rowsAfter = sum();
        await predicting;
      })(),
    );
    assert.equal(sum(), 4 * manyPatches);
    assert.ok(rowsAfter - rowsBefore < 2 * manyPatches, `${rowsAfter - rowsBefore} rows came before the tile`);
    t.diagnostic(`${grown.toFixed(0)} MiB more; ${rowsAfter - rowsBefore} rows came before the tile`);
    assert.ok(grown < 256, `${grown} MiB more`);
  } finally {
    stream.close();
  }
});

test('a call that ends while it waits leaves the queue at once', async () => {
  const message = patchesOf(manyPatches);
  const leaving = new AbortController();
  const call = predict(headerOf(), [message, message], { signal: leaving.signal });
  await eventually(30_000, async () => assert.ok((await status()).waitingPatches >= manyPatches));
  leaving.abort();
  await assert.rejects(call, hasCode('CANCELLED'));
  await eventually(2_000, async () => {
    const { waitingPatches, waitingBytes } = await status();
    assert.deepEqual([waitingPatches, waitingBytes], [0, 0]);
  });
});

test('messages above what may wait are refused with a time to try again, and there is room when the others leave', async (t) => {
  const message = patchesOf(manyPatches);
  const leaving = new AbortController();
  setMaxListeners(0, leaving.signal);
  const calls = Array.from({ length: 20 }, () => predict(headerOf(), [message], { signal: leaving.signal }));
  const grown = await growth(
    pod.process.pid!,
    (async () => {
      const refused = await Promise.any(
        calls.map((call) => call.then(Promise.reject.bind(Promise), (error: unknown) => error)),
      );
      hasCode('QUEUE_FULL', /bytes wait/)(refused);
      assert.ok((refused as { readonly retryAfterMilliseconds: number }).retryAfterMilliseconds > 0);
      leaving.abort();
      await Promise.allSettled(calls);
    })(),
  );
  t.diagnostic(`${grown.toFixed(0)} MiB more`);
  // The queue's 256 MiB, a quarter more that wait for room, and the messages of 20 calls on their way.
  assert.ok(grown < 900, `${grown} MiB more`);
  assert.equal((await predict(headerOf(), [patchesOf(2)])).length, 2 * backboneConfigs.mini.width);
});

test('backbones that are not served stay within their memory, and leave nothing behind', async () => {
  const patches = patchesOf(3);
  const results = new Map<string, Float32Array>();
  let tensors: number | undefined;
  for (let round = 0; round < 4; round++) {
    for (const backbone of others) {
      const rows = await predict(headerOf({ backbone }), [patches]);
      assert.deepEqual(rows, results.get(backbone) ?? rows);
      results.set(backbone, rows);
      const { engine } = await status();
      assert.ok(engine!.backboneBytes > 0 && engine!.backboneBytes <= backboneBytes, `${engine!.backboneBytes} bytes`);
    }
    const { liveTensors } = (await status()).engine!;
    if (round > 0) assert.equal(liveTensors, tensors ?? liveTensors);
    if (round > 0) tensors = liveTensors;
  }
  // The configs differ, so that each is its own.
  assert.notDeepEqual(results.get('other-1'), results.get('other-2'));
});

test('calls on more backbones than fit at once wait for each other, and one that many ask for is loaded once', async () => {
  const patches = patchesOf(3);
  let most = 0;
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) most = Math.max(most, (await status()).engine!.backboneBytes);
  })();
  const calls = [...others, ...others, ...others].map((backbone) =>
    predict(headerOf({ backbone }), [patches, patches]),
  );
  await Promise.all(calls);
  over.abort();
  await watching;
  assert.ok(most > 0 && most <= backboneBytes, `${most} bytes`);
  await predict(headerOf({ backbone: 'other-1' }), [patches]);
  await predict(headerOf({ backbone: 'other-2' }), [patches]);
  await Promise.all(Array.from({ length: 6 }, () => predict(headerOf({ backbone: 'other-3' }), [patches])));
  assert.equal((await status()).engine!.backboneBytes, 2 * mini);
});

test('a message above 16 MiB is refused with its limit', async () => {
  await assert.rejects(
    predict(headerOf(), [patchesOf(manyPatches + 1)]),
    hasCode('FIELD_INVALID', /patches.*16777216.*fewer patches/),
  );
});
