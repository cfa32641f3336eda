import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { credentials } from '@grpc/grpc-js';
import { JobRunner } from '@hyperswap/jobs';
import { EmbeddedBus } from '@hyperswap/messaging';
import { createPreprocessingServices } from '@hyperswap/preprocessing';
import { SceneServiceClient, type StreamPatchesRequest, type StreamTilesRequest } from '@hyperswap/proto';
import { readStream, startServer, type RunningServer } from '@hyperswap/rpc';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { createLogger } from '@hyperswap/telemetry';
import { prepareToy, toyScene } from '../support/services.js';

let home = '';
let server: RunningServer;
let bus: EmbeddedBus;
let jobs: JobRunner;
/** A client with gRPC's default settings: it refuses messages above 4 MiB. */
let scenes: SceneServiceClient;

before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'hyperswap-test-'));
  const store = new DirectoryObjectStore(path.join(home, 'store'));
  bus = await EmbeddedBus.open({ directory: path.join(home, 'bus'), work: 'private' });
  const logger = createLogger('silent', 'test');
  jobs = new JobRunner({ bus, store, logger, leaseMilliseconds: 30_000, keepMilliseconds: 60_000, jobLimit: 8 });
  const uploads = { maximumSceneBytes: 1e9, uploadLimit: 8, keepUploadsMilliseconds: 60_000 };
  const limits = {
    ...uploads,
    sceneUrls: '',
    sceneUrlMilliseconds: 1000,
    sceneUrlTotalMilliseconds: 1000,
    sceneUrlsPrivate: false,
  };
  const { services } = createPreprocessingServices({ store, bus, jobs, logger, ...limits });
  server = await startServer(services, { host: '127.0.0.1', port: 0 });
  jobs.begin();
  scenes = new SceneServiceClient(server.endpoint, credentials.createInsecure());
  const toy = toyScene(300, 310);
  await prepareToy({ scenes }, 'toy', toy);
});

after(async () => {
  scenes.close();
  await jobs.stop();
  await server.drain(1000);
  await bus.close();
  await rm(home, { recursive: true, force: true });
});

test('the largest patches reach a client with default settings, whatever batch it asks for', async () => {
  for (const batchSize of [0, 1, 100_000]) {
    const request: StreamPatchesRequest = { scene: 'toy', patchSize: 255, pixels: [0, 7, 92_999], batchSize };
    const firsts: number[] = [];
    for await (const { first, count, scores } of readStream(scenes, scenes.streamPatches(request))) {
      assert.equal(scores.byteLength, count * 255 ** 2 * 12 * 4);
      firsts.push(first);
    }
    assert.deepEqual(firsts, [0, 1, 2]);
  }
});

test('ordinary patches fill a message, and none is lost at the borders of messages', async () => {
  const pixels = Array.from({ length: 1760 }, (_, place) => 50 * place);
  const request: StreamPatchesRequest = { scene: 'toy', patchSize: 15, pixels, batchSize: 100_000 };
  const counts: number[] = [];
  for await (const { first, count } of readStream(scenes, scenes.streamPatches(request))) {
    assert.equal(
      first,
      counts.reduce((a, b) => a + b, 0),
    );
    counts.push(count);
  }
  assert.equal(
    counts.reduce((a, b) => a + b, 0),
    pixels.length,
  );
  assert.ok(counts.length <= 6, `${counts.length} messages of 4 MiB`);
});

test('tiles of any size and halo reach a client with default settings, and cover their window once', async () => {
  for (const [tileSize, halo, side] of [
    [0, 127, 60],
    [512, 127, 60],
    [0, 7, 300],
    [512, 0, 300],
  ] as const) {
    const part = { row: 0, column: 5, height: side, width: side };
    const request: StreamTilesRequest = { scene: 'toy', tileSize, halo, window: part };
    let covered = 0;
    let received = 0;
    for await (const { tile, tileCount, window, scores } of readStream(scenes, scenes.streamTiles(request))) {
      assert.equal(tile, received++);
      assert.ok(tile < tileCount);
      const { height, width } = window!;
      const values = (height + 2 * halo) * (width + 2 * halo) * 12;
      assert.equal(scores.byteLength, 4 * values);
      covered += height * width;
    }
    assert.equal(covered, part.height * part.width, `tiles of ${tileSize}, halo of ${halo}`);
  }
});
