import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { JobRunner } from '@hyperswap/jobs';
import { EmbeddedBus } from '@hyperswap/messaging';
import {
  SceneServiceService,
  StartTrainingRequest,
  TrainingProgress,
  TrainingServiceService,
  StreamPatchesResponse,
  StreamTilesResponse,
  WatchTrainingResponse,
} from '@hyperswap/proto';
import { ResponseQueue, serverStreamHandler, startServer, type RunningServer } from '@hyperswap/rpc';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { createLogger } from '@hyperswap/telemetry';
import { trainingKind } from '@hyperswap/trainer';
import { RawCall } from '../support/raw-call.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const tileBytes = 256 * 1024;
const tileCount = 400;
const newsCount = 20_000;

let server: RunningServer;
let bus: EmbeddedBus;
let pushed = 0;
let told = 0;
let made = 0;

before(async () => {
  const streamTiles = serverStreamHandler(() => {
    const queue = new ResponseQueue<StreamTilesResponse>(({ scores }) => scores.byteLength);
    const feed = async (): Promise<void> => {
      for (; pushed < tileCount; pushed++) {
        const scores = Buffer.alloc(tileBytes);
        await queue.push({ tile: pushed, tileCount, window: undefined, halo: 0, scores, mask: Buffer.alloc(0) });
      }
      queue.end();
    };
    void feed();
    return queue;
  });
  const streamPatches = serverStreamHandler(async function* () {
    for (; made < 60; made++) yield await Promise.resolve({ first: made, count: 1, scores: Buffer.alloc(3 * 2 ** 20) });
  });
  const directory = await temporaryFolder('slow');
  bus = await EmbeddedBus.open({ directory, work: 'private' });
  const store = new DirectoryObjectStore(directory);
  const limits = { leaseMilliseconds: 30_000, keepMilliseconds: 60_000, jobLimit: 1 };
  const runner = new JobRunner({ bus, store, logger: createLogger('silent', 'test'), ...limits });
  const job = await runner.start(trainingKind, StartTrainingRequest.create({ method: 'lora' }));
  const watchTraining = serverStreamHandler(async function* (_, { signal }): AsyncGenerator<WatchTrainingResponse> {
    // Long enough to fill the buffers of the connection many times.
    const stage = 'x'.repeat(1000);
    const timer = setInterval(() => {
      for (let i = 0; i < 200 && told < newsCount; i++) {
        const progress = { progress: { stage, done: ++told, total: newsCount }, epoch: 0, loss: undefined };
        const bytes = Buffer.from(TrainingProgress.encode(progress).finish()).toString('base64');
        void bus.events.publish(`jobs.training.${job}`, bytes);
      }
    }, 1);
    try {
      for await (const news of runner.watch(trainingKind, job, signal)) {
        if (news.news === 'progress') yield { event: { $case: 'progress', value: news.progress } };
      }
    } finally {
      clearInterval(timer);
    }
  });
  const host = (name: string, definition: object, implementation: object) =>
    ({ name, definition, implementation, roles: {} }) as Parameters<typeof startServer>[0][number];
  const services = [
    host('hyperswap.v1.SceneService', SceneServiceService, { streamTiles, streamPatches }),
    host('hyperswap.v1.TrainingService', TrainingServiceService, { watchTraining }),
  ];
  server = await startServer(services, { host: '127.0.0.1', port: 0 });
});

after(async () => {
  await server.drain(1000);
  await bus.close();
});

test('responses wait where they are made while the client does not read, and all arrive when it does', async () => {
  const call = new RawCall(server.endpoint, '/hyperswap.v1.SceneService/StreamTiles', Buffer.alloc(0));
  try {
    await setTimeout(1000);
    const waiting = pushed;
    const mebibytes = (waiting * tileBytes) / 2 ** 20;
    assert.ok(waiting > 0 && mebibytes <= 12, `${mebibytes} MiB of responses were made and not read`);
    await setTimeout(300);
    assert.equal(pushed, waiting);
    let next = 0;
    for await (const message of call.messages()) {
      const { tile, scores } = StreamTilesResponse.decode(message);
      assert.equal(tile, next++);
      assert.equal(scores.byteLength, tileBytes);
    }
    assert.equal(next, tileCount);
    assert.equal(call.fields['grpc-status'], '0');
  } finally {
    call.close();
  }
});

test('a watcher that does not read gets the newest news when it reads, not all of them', async () => {
  const call = new RawCall(server.endpoint, '/hyperswap.v1.TrainingService/WatchTraining', Buffer.alloc(0));
  try {
    while (told < newsCount) await setTimeout(50);
    let heard = 0;
    let last = 0;
    for await (const message of call.messages()) {
      const { event } = WatchTrainingResponse.decode(message);
      assert.equal(event?.$case, 'progress');
      const { done } = event.value.progress!;
      assert.ok(done > last);
      last = done;
      heard += 1;
      if (done === newsCount) break;
    }
    assert.equal(last, newsCount);
    assert.ok(heard < newsCount / 20, `${heard} of ${newsCount} news were kept`);
  } finally {
    call.close();
  }
});

test('few large messages are made ahead of a client that does not read', async () => {
  const call = new RawCall(server.endpoint, '/hyperswap.v1.SceneService/StreamPatches', Buffer.alloc(0));
  try {
    await setTimeout(1000);
    assert.ok(made > 0 && made <= 4, `${made} messages of 3 MiB were made and not read`);
    let next = 0;
    for await (const message of call.messages()) assert.equal(StreamPatchesResponse.decode(message).first, next++);
    assert.equal(next, 60);
  } finally {
    call.close();
  }
});
