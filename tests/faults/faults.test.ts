import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { DesiredState, Padding, PixelContent, PixelType, type ClassifyTilesRequest, type Tile } from '@hyperswap/proto';
import { callUnary, exchange, readStream } from '@hyperswap/rpc';
import { eventually, leaseMilliseconds, mapOf, startFleet, type Fleet, type Pod } from '../support/fleet.js';
import { hasCode } from '../support/errors.js';
import { minioClient, serversMissing } from '../support/servers.js';
import { exportBlob, prepareToy, registerBlob, train } from '../support/services.js';

const chunkSize = 3;
const chunksOfToy = (24 / chunkSize) * (30 / chunkSize);

describe('faults', { skip: serversMissing }, () => {
  let fleet: Fleet;
  let first: Pod;
  /** The map of an undisturbed run. */
  let wanted: Buffer;

  before(async () => {
    fleet = await startFleet();
    first = await fleet.startPod('preprocessing,trainer,tile-inference');
    await prepareToy(first);
    for (const seed of [1, 2]) await train(first, { adapter: 'toy', seed, settings: { epochs: '6' } });
    wanted = await mapOf(first, 'toy@1', chunkSize);
  });

  after(() => fleet.stop());

  /** Runs a scene job and does something to the fleet when some of it is done. */
  async function disturbed(disturb: () => Promise<void>, atChunk = 8): Promise<Buffer> {
    let disturbance: Promise<void> | undefined;
    const map = await mapOf(first, 'toy@1', chunkSize, (done) => {
      if (done >= atChunk) disturbance ??= disturb();
    });
    assert.ok(disturbance !== undefined, 'the job was over before it was disturbed');
    await disturbance;
    return map;
  }

  /** Each job left the results of its chunks, of which its map is read, its own result, and nothing else. */
  async function assertCleared(): Promise<void> {
    const { bucket } = fleet.minio.settings;
    const client = minioClient(fleet.minio);
    await eventually(10_000, async () => {
      const counts = new Map<string, number>();
      for await (const { name } of client.listObjectsV2(bucket, 'jobs/classification/', true) as AsyncIterable<{
        name: string;
      }>) {
        const [, , job] = name.split('/');
        counts.set(job!, (counts.get(job!) ?? 0) + 1);
      }
      assert.deepEqual([...new Set(counts.values())], [chunksOfToy + 1]);
    });
  }

  test('a pod killed in the middle of a scene: its chunks are done by others, the map is the same', async () => {
    const second = await fleet.startPod('tile-inference');
    assert.deepEqual(await disturbed(() => second.kill()), wanted);
    await assertCleared();
  });

  test('a pod that stands still until its lease runs out, and then writes: the map is the same', async () => {
    const second = await fleet.startPod('tile-inference');
    const map = await disturbed(async () => {
      second.process.kill('SIGSTOP');
      await setTimeout(2 * leaseMilliseconds);
      second.process.kill('SIGCONT');
    });
    assert.deepEqual(map, wanted);
    await second.stop();
  });

  test('NATS killed and started again in the middle of a scene: the map is the same', async () => {
    const map = await disturbed(async () => {
      await fleet.nats.kill();
      await setTimeout(1500);
      await fleet.nats.start();
    });
    assert.deepEqual(map, wanted);
    await assertCleared();
  });

  test('MinIO gone for ten seconds in the middle of a scene: the map is the same', async () => {
    const map = await disturbed(async () => {
      await fleet.minio.kill();
      await setTimeout(10_000);
      await fleet.minio.start();
    });
    assert.deepEqual(map, wanted);
    await assertCleared();
  });

  test('MinIO gone while an adapter is swapped in: it is ready when MinIO is back', async () => {
    const { adapters } = first;
    await train(first, { adapter: 'late', settings: { epochs: '2' } });
    const second = await fleet.startPod('tile-inference');
    await fleet.minio.kill();
    const pinned = callUnary(adapters, 'pinAdapter', { adapter: 'late', undo: false });
    await setTimeout(3000);
    await fleet.minio.start();
    await pinned;
    for (const pod of [first, second]) {
      await eventually(15_000, async () => {
        const { desired } = await callUnary(pod.tiles, 'getStatus', {});
        assert.equal(desired.find(({ adapter }) => adapter === 'late@1')?.state, DesiredState.DESIRED_STATE_BOUND);
      });
    }
    await second.stop();
  });

  test('a blob that was tampered with fails on every pod with the reason, and takes none down', async () => {
    const { bucket } = fleet.minio.settings;
    const client = minioClient(fleet.minio);
    // A blob of its own: pods share bindings of the same bytes, whatever their name.
    await train(first, { adapter: 'poisoned', seed: 42, settings: { epochs: '2' } });
    const key = 'adapters/poisoned/1/adapter.safetensors';
    const pieces: Buffer[] = [];
    for await (const piece of await client.getObject(bucket, key)) pieces.push(piece as Buffer);
    const whole = Buffer.concat(pieces);
    const { metaData } = await client.statObject(bucket, key);
    const { sha256 } = metaData as { sha256: string };
    await client.putObject(bucket, key, Buffer.from(whole).fill(7, 5000, 5010), undefined, {
      'x-amz-meta-sha256': sha256,
    });
    await callUnary(first.adapters, 'pinAdapter', { adapter: 'poisoned', undo: false });
    await eventually(10_000, async () => {
      const { desired } = await callUnary(first.tiles, 'getStatus', {});
      const found = desired.find(({ adapter }) => adapter === 'poisoned@1');
      assert.equal(found?.state, DesiredState.DESIRED_STATE_FAILED);
      assert.match(found.error?.message ?? '', /damaged/);
    });
    await assert.rejects(mapOf(first, 'poisoned@1', 0), hasCode('OBJECT_DAMAGED'));
    assert.deepEqual(await mapOf(first, 'toy@1', chunkSize), wanted);
    await client.putObject(bucket, key, whole, undefined, { 'x-amz-meta-sha256': sha256 });
    await eventually(10_000, async () => {
      const { desired } = await callUnary(first.tiles, 'getStatus', {});
      const found = desired.find(({ adapter }) => adapter === 'poisoned@1');
      assert.equal(found?.state, DesiredState.DESIRED_STATE_BOUND, found?.error?.message);
    });
  });

  test('publishers of one name at once get versions of their own, all of them whole', async () => {
    const second = await fleet.startPod('tile-inference');
    const blobs: Buffer[] = [];
    for (let seed = 1; seed <= 6; seed++) {
      await train(first, { adapter: 'source', seed, settings: { epochs: '1' } });
      blobs.push(await exportBlob(first, `source@${seed}`));
    }
    const published = await Promise.all(
      blobs.map((blob, index) => registerBlob(index % 2 === 0 ? first : second, 'crowded', blob)),
    );
    assert.equal(new Set(published.map(({ version }) => version)).size, 6);
    const { adapters } = await callUnary(second.adapters, 'listAdapters', { pageSize: 0, pageToken: '' });
    const listed = adapters.filter(({ name }) => name === 'crowded').map(({ digest }) => digest);
    assert.deepEqual(listed.sort(), published.map(({ digest }) => digest).sort());
    const twice = await Promise.allSettled([first, second].map((pod) => registerBlob(pod, 'twins', blobs[0]!)));
    assert.equal(twice.filter(({ status }) => status === 'fulfilled').length, 1, 'one blob is one version');
    await second.stop();
  });

  test('two hundred publishes while tiles stream: every tile is answered, by one version whole', async () => {
    const { tiles: service, scenes, adapters } = first;
    const maps = new Map<string, Buffer>();
    for (const adapter of ['toy@1', 'toy@2']) maps.set(adapter, await mapOf(first, adapter, 0));
    const point = (adapter: string) => callUnary(adapters, 'setAlias', { adapter, alias: 'serving' });
    await point('toy@1');
    const { scene } = await callUnary(scenes, 'getScene', { name: 'toy' });
    const tiles: Tile[] = [];
    const streamed = scenes.streamTiles({ scene: 'toy', tileSize: 3, halo: 4, window: undefined });
    for await (const { tile, window, scores } of readStream(scenes, streamed)) {
      tiles.push({ id: String(tile), window, halo: 4, margins: undefined, pixels: scores, adapter: '' });
    }
    const publishing = { isOver: false };
    const published = (async () => {
      for (let count = 0; count < 200; count++) await point(count % 2 === 0 ? 'toy@2' : 'toy@1');
      publishing.isOver = true;
    })();
    // eslint-disable-next-line @typescript-eslint/require-await -- the exchange takes an async iterable
    async function* requests(): AsyncGenerator<ClassifyTilesRequest> {
      const header = {
        adapter: 'toy:serving',
        pixelType: PixelType.PIXEL_TYPE_FLOAT32,
        bands: 12,
        content: PixelContent.PIXEL_CONTENT_PREPARED,
        outputs: [],
        scene: 'toy',
        padding: Padding.PADDING_NONE,
        wavelengths: [],
      };
      yield { part: { $case: 'header', value: header } };
      for (const tile of tiles) yield { part: { $case: 'tile', value: tile } };
    }
    let rounds = 0;
    const used = new Set<string>();
    while (!publishing.isOver) {
      let answered = 0;
      for await (const { outcome } of exchange(service, service.classifyTiles(), requests())) {
        assert.equal(outcome?.$case, 'result');
        const { window, labels, adapter } = outcome.value;
        answered += 1;
        used.add(adapter);
        for (let y = 0; y < window!.height; y++) {
          const start = (window!.row + y) * scene!.raster!.width + window!.column;
          const own = labels.subarray(y * window!.width, (y + 1) * window!.width);
          assert.deepEqual(own, maps.get(adapter)!.subarray(start, start + window!.width));
        }
      }
      assert.equal(answered, tiles.length);
      rounds += 1;
    }
    await published;
    assert.ok(rounds > 0 && used.size === 2, [...used].join());
  });
});
