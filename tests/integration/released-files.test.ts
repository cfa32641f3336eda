/**
 * Files of released versions: the present version reads what each of them wrote. A home folder of each is in
 * tests/fixtures/released; the README.md there tells how to add one.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openRaster } from '@hyperswap/raster';
import { callUnary, readStream } from '@hyperswap/rpc';
import { DirectoryObjectStore, type ObjectStore } from '@hyperswap/storage';
import { repository } from '../support/fixtures.js';
import {
  exportBlob,
  labelsOf,
  prepareToy,
  readMapOf,
  registerBlob,
  startServices,
  toyScene,
  train,
  type Services,
} from '../support/services.js';

const released = path.join(repository, 'tests', 'fixtures', 'released');
const versions = (await readdir(released, { withFileTypes: true })).filter((entry) => entry.isDirectory());
const { height, width, labels } = toyScene();

const storeOf = (home: string): ObjectStore => new DirectoryObjectStore(path.join(home, 'store'));
const blobKey = (adapter: string): string => `adapters/${adapter}/1/adapter.safetensors`;

interface Formats {
  readonly scene: unknown;
  readonly adapter: unknown;
}

/** Returns the versions of the formats of a scene and an adapter, as they stand in the files. */
async function formatsIn(home: string, scene: string, adapter: string): Promise<Formats> {
  const store = storeOf(home);
  const manifest = (await store.get(`scenes/${scene}/scene.json`)).toString('utf8');
  const blob = await store.get(blobKey(adapter));
  const header = blob.subarray(8, 8 + Number(blob.readBigUInt64LE())).toString('utf8');
  return {
    scene: (JSON.parse(manifest) as { formatVersion: unknown }).formatVersion,
    adapter: /\\?"formatVersion\\?":\s*(\d+)/.exec(header)?.[1],
  };
}

test('each format that is written now has files of a released version', async () => {
  const services = await startServices();
  try {
    await prepareToy(services);
    await train(services, { settings: { epochs: '1' } });
    const written = await formatsIn(services.home, 'toy', 'toy');
    assert.ok(written.scene !== undefined && written.adapter !== undefined);
    const kept = await Promise.all(
      versions.map(({ name }) => formatsIn(path.join(released, name, 'home'), 'field', 'krona')),
    );
    for (const kind of ['scene', 'adapter'] as const) {
      const known = kept.map((formats) => formats[kind]);
      assert.ok(
        known.includes(written[kind]),
        `${kind}: format ${String(written[kind])}, files of ${known.join(', ')}`,
      );
    }
  } finally {
    await services.stop();
  }
});

for (const { name: version } of versions) {
  describe(`files of ${version}`, () => {
    const files = path.join(released, version);
    let home: string;
    let services: Services;

    before(async () => {
      home = await mkdtemp(path.join(tmpdir(), 'hyperswap-released-'));
      await cp(path.join(files, 'home'), home, { recursive: true });
      services = await startServices({ precision: 'float32' }, home);
    });
    after(async () => {
      await services.stop();
      await rm(home, { recursive: true, force: true });
    });

    test('the prepared scene has its raster, classes and labels, and can be trained on', async () => {
      const { scene } = await callUnary(services.scenes, 'getScene', { name: 'field' });
      assert.deepEqual([scene?.raster?.height, scene?.raster?.width, scene?.raster?.bands], [height, width, 16]);
      assert.deepEqual(
        scene?.classes.map(({ name }) => name),
        ['Corn', 'Woods', 'Wheat'],
      );
      assert.deepEqual(await labelsOf(services, scene!, 'labels'), labels);
      const finished = await train(services, { scene: 'field', adapter: 'again', settings: { epochs: '1' } });
      assert.equal(finished.adapter?.name, 'again');
    });

    test('its adapter makes the map that it made then', async () => {
      const request = { scene: 'field', adapter: 'krona', chunkSize: 0, detached: false, probabilities: false };
      let map: Buffer | undefined;
      for await (const { event } of readStream(services.sceneJobs, services.sceneJobs.classifyScene(request))) {
        if (event?.$case === 'done') map = await readMapOf(services, event.value);
      }
      const raster = await openRaster(path.join(files, 'labels.tif'), { content: 'labels' });
      const then = await raster.readWindow({ row: 0, column: 0, height, width });
      await raster.close();
      const same = map!.subarray(0, height * width).filter((label, pixel) => label === then[pixel]).length;
      // Another processor may round a pixel at an edge to its other side.
      assert.ok(same >= 0.995 * height * width, `${same} of ${height * width} pixels`);
    });

    test('its adapter is exported as it was, and its file can be registered', async () => {
      const blob = await storeOf(path.join(files, 'home')).get(blobKey('krona'));
      assert.deepEqual(await exportBlob(services, 'krona@1'), blob);
      const registered = await registerBlob(services, 'copy', blob);
      assert.deepEqual([registered.name, registered.method], ['copy', 'krona+']);
    });
  });
}
