import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { ClassifyTilesRequest, ClassifyTilesResponse, type Scene } from '@hyperswap/proto';
import { callUnary, fromErrorStatus } from '@hyperswap/rpc';
import { hasCode } from '../support/errors.js';
import { eventually, startPod, type Pod } from '../support/fleet.js';
import { growth } from '../support/process-memory.js';
import { RawCall } from '../support/raw-call.js';
import { prepareToy } from '../support/services.js';
import { flood, oneByOne, registerMadeUp, scoreHeader, scoreTile, TileStream } from '../support/tile-client.js';

const half = 4;
const mebibyte = 1024 ** 2;

let home: string;
let pod: Pod;
let scene: Scene;
const streams: TileStream[] = [];

before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'hyperswap-streams-'));
  // A small backbone in float32: what is measured here is the queue.
  pod = await startPod('preprocessing,tile-inference', {
    ...process.env,
    HYPERSWAP_HOME: home,
    HYPERSWAP_LOG_LEVEL: 'silent',
    HYPERSWAP_QUEUE_BYTES: String(256 * mebibyte),
  });
  scene = await prepareToy(pod);
  for (const name of ['one', 'two']) await registerMadeUp(pod, scene, name, { patchSize: 9, seed: name.length });
  const warm = open('one');
  await oneByOne(warm, scoreTile('warm', 16, half), (count) => count === 2);
  await oneByOne(warm, scoreTile('warm', 4, half, 'two'), (count) => count === 1);
});

afterEach(() => {
  for (const stream of streams.splice(0)) stream.close();
});

after(async () => {
  await pod.kill();
  await rm(home, { recursive: true, force: true });
});

function open(adapter: string): TileStream {
  const stream = new TileStream(pod.endpoint, scoreHeader(scene.name, adapter));
  streams.push(stream);
  return stream;
}

const status = () => callUnary(pod.tiles, 'getStatus', {});

test('tiny tiles with huge halos wait in bounded memory, and all are answered', async () => {
  const stream = open('one');
  const tile = scoreTile('wide', 1, 127);
  const count = 200;
  const grown = await growth(
    pod.process.pid!,
    (async () => {
      const sending = (async () => {
        for (let i = 0; i < count; i++) await stream.send(tile);
      })();
      for (let i = 0; i < count; i++) await stream.readResult();
      await sending;
    })(),
  );
  // Their pixels are 595 MiB.
  assert.ok(grown < 200, `${grown} MiB more`);
  await eventually(5_000, async () => assert.equal((await status()).waitingBytes, 0));
});

test('a client that does not read its results stops only itself', async () => {
  // A client of the library reads ahead without a bound.
  const silent = new RawCall(pod.endpoint, '/hyperswap.v1.TileService/ClassifyTiles');
  const send = (part: ClassifyTilesRequest['part']) => silent.send(ClassifyTilesRequest.encode({ part }).finish());
  let sent = 0;
  const sending = (async () => {
    await send({ $case: 'header', value: scoreHeader(scene.name, 'one') });
    const value = scoreTile('silent', 1, 40);
    for (; !silent.closed; sent++) await send({ $case: 'tile', value });
  })().catch(() => undefined);
  let classified = -1;
  const grown = await growth(
    pod.process.pid!,
    eventually(120_000, async () => {
      const before = classified;
      await setTimeout(1_000);
      ({ classifiedPatches: classified } = await status());
      assert.ok(sent > 50);
      assert.equal(classified, before);
    }),
  );
  assert.ok(grown < 200, `${grown} MiB more`);
  assert.ok(sent < 4_000, `${sent} tiles were taken`);
  // Other streams are served as without it.
  const latencies = await oneByOne(open('one'), scoreTile('other', 4, half), (count) => count === 5);
  assert.ok(Math.max(...latencies) < 5_000, latencies.join(' '));
  // The slow client gets its results when it reads.
  const messages = silent.messages();
  for (let i = 0; i < 50; i++) {
    const { outcome } = ClassifyTilesResponse.decode((await messages.next()).value as Buffer);
    assert.equal(outcome?.$case, 'result');
  }
  silent.close();
  await sending;
  await eventually(10_000, async () => assert.equal((await status()).waitingBytes, 0));
});

test('an invalid tile is answered at once while others of its stream wait', async () => {
  const stream = open('one');
  for (let i = 0; i < 3; i++) await stream.send(scoreTile(`good ${i}`, 24, half));
  await stream.send(scoreTile('bad', 4, half - 1));
  const { id, outcome } = await stream.read();
  assert.equal(id, 'bad');
  assert.equal(outcome?.$case, 'error');
  hasCode('TILE_HALO')(fromErrorStatus(outcome.value));
  for (let i = 0; i < 3; i++) assert.match((await stream.readResult()).id, /^good/);
});

test('forty streams that send as fast as they can are all served, and none is refused', async () => {
  const all = Array.from({ length: 40 }, (_, i) => open(i % 2 === 0 ? 'one' : 'two'));
  const tile = scoreTile('x', 4, half);
  await Promise.all(
    all.map(async (stream) => {
      const sending = (async () => {
        for (let i = 0; i < 8; i++) await stream.send(tile);
      })();
      for (let i = 0; i < 8; i++) await stream.readResult();
      await sending;
    }),
  );
});

test('a client that leaves, or whose deadline passes, takes its waiting tiles with it', async () => {
  const stream = open('one');
  for (let i = 0; i < 6; i++) await stream.send(scoreTile(`t${i}`, 32, half));
  await eventually(10_000, async () => assert.ok((await status()).waitingPatches > 1_000));
  stream.close();
  await eventually(2_000, async () => {
    const { waitingPatches, waitingBytes } = await status();
    assert.deepEqual([waitingPatches, waitingBytes], [0, 0]);
  });
});

test('status is answered while the engine is full of work', async () => {
  const stream = open('one');
  const flooding = flood(stream, scoreTile('x', 32, half));
  await eventually(10_000, async () => assert.ok((await status()).waitingPatches > 500));
  const waits: number[] = [];
  for (let i = 0; i < 10; i++) {
    const start = performance.now();
    await status();
    waits.push(performance.now() - start);
  }
  // Not behind the waiting batches: a single batch takes a quarter of a second.
  assert.ok(waits.sort((a, b) => a - b)[5]! < 1_000, waits.join(' '));
  stream.close();
  await flooding;
});
