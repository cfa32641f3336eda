/**
 * Scenes that the service reads itself, while something else happens: a cancel, a kill, a change of the file, names
 * that lead inside.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { PreparationAccepted, Scene } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { hasCode } from '../support/errors.js';
import { eventually, startFleet, startPod, type Pod } from '../support/fleet.js';
import { madeUpCog, startRangeServer, type RangeServer } from '../support/range-server.js';
import { minioClient, serversMissing } from '../support/servers.js';
import { rasterInfo, startServices } from '../support/services.js';
import { tiledTiff } from '../support/tiled-tiff.js';
import { prepareSource, send, sceneHeader } from '../support/uploads.js';

/** Twelve blocks that are stored; rows are read from the file for eight of them at once. */
const size = { height: 768, width: 512, bands: 64 };
const value = (row: number, column: number, band: number): number =>
  1000 + ((row * 31 + column * 17 + band * 101 + ((row * column) % 251) * (band + 7)) % 5000);

describe('a scene that the service reads itself', () => {
  let file: Buffer;
  let server: RangeServer;
  let home: string;
  let environment: NodeJS.ProcessEnv;
  let pod: Pod;

  before(async () => {
    file = tiledTiff({ ...size, tileHeight: 64, tileWidth: 512, planar: false }, value);
    server = await startRangeServer(file);
    home = await mkdtemp(path.join(tmpdir(), 'hyperswap-sources-'));
    environment = {
      ...process.env,
      ...{ NATS_URL: '', S3_ENDPOINT: '', HYPERSWAP_HOME: home, HYPERSWAP_LOG_LEVEL: 'silent' },
      HYPERSWAP_SCENE_URLS: `${server.origin}/allowed/`,
      HYPERSWAP_SCENE_URL_MILLISECONDS: '60000',
    };
    pod = await startPod('preprocessing', environment);
  });

  after(async () => {
    await pod.kill();
    server.close();
    await rm(home, { recursive: true, force: true });
  });

  /** Begins to read `held.tif`, and waits until all rows before the held ones are stored. */
  async function beginReading(name: string): Promise<{ job: string; result: Promise<Scene> }> {
    let accept: (accepted: PreparationAccepted) => void = () => undefined;
    const accepted = new Promise<PreparationAccepted>((resolve) => {
      accept = resolve;
    });
    const result = prepareSource(
      pod,
      `${server.origin}/allowed/held.tif`,
      { name },
      { onEvent: (event) => event.$case === 'accepted' && accept(event.value) },
    );
    result.catch(() => undefined);
    const { job } = await accepted;
    const store = new DirectoryObjectStore(path.join(home, 'store'));
    await eventually(30_000, async () => {
      const stored = (await store.list('scene-arrays/')).filter(({ key }) => key.includes(job) && key.includes('/c/'));
      assert.equal(stored.length, 8);
    });
    return { job, result };
  }

  const openPreparations = async (): Promise<number> =>
    (await callUnary(pod.scenes, 'listPreparations', { pageSize: 0, pageToken: '' })).preparations.filter(
      ({ status }) => status?.endedAt === undefined,
    ).length;

  test('a cancel ends the reading, and removes its rows', async () => {
    const { job, result } = await beginReading('cancelled');
    await callUnary(pod.scenes, 'cancelPreparation', { job });
    server.release();
    await assert.rejects(result, hasCode('CANCELLED'));
    assert.equal(await openPreparations(), 0);
    const store = new DirectoryObjectStore(path.join(home, 'store'));
    assert.deepEqual(await store.list('scene-arrays/cancelled'), []);
  });

  test('a client that leaves ends the reading, and its place is free for another', async () => {
    server.hold();
    const leaving = new AbortController();
    const place = `${server.origin}/allowed/held.tif`;
    const began = prepareSource(pod, place, { name: 'left' }, { signal: leaving.signal });
    const second = prepareSource(pod, place, { name: 'second' }, { signal: leaving.signal });
    await eventually(30_000, async () => assert.equal(await openPreparations(), 2));
    await assert.rejects(prepareSource(pod, place, { name: 'third' }), (error: Error) => {
      assert.ok(hasCode('SCENE_SOURCES_BUSY')(error), error.message);
      assert.match(error.message, /reads 2 scenes/);
      return true;
    });
    leaving.abort();
    await Promise.allSettled([began, second]);
    server.release();
    await eventually(10_000, async () => {
      await callUnary(pod.scenes, 'describeSceneSource', { source: place });
    });
    for (const { status } of (await callUnary(pod.scenes, 'listPreparations', { pageSize: 0, pageToken: '' }))
      .preparations) {
      await callUnary(pod.scenes, 'cancelPreparation', { job: status!.job });
    }
  });

  test('a reading goes on after the service was killed, at the row that is stored', async () => {
    server.hold();
    const { job, result } = await beginReading('killed');
    await pod.kill();
    await assert.rejects(result);
    pod = await startPod('preprocessing', environment);
    server.release();
    let accepted: PreparationAccepted | undefined;
    const scene = await prepareSource(
      pod,
      `${server.origin}/allowed/held.tif`,
      { name: 'killed', resumeJob: job },
      { onEvent: (event) => event.$case === 'accepted' && (accepted = event.value) },
    );
    assert.equal(accepted!.nextRow, 512);
    const rowValues = size.width * size.bands;
    const sent = await send(pod, {
      header: { ...sceneHeader('sent', size), raster: rasterInfo(size) },
      step: 32,
      pixels: (row, count) => {
        const rows = Uint16Array.from({ length: count * rowValues }, (_, i) => {
          const pixel = Math.floor(i / size.bands);
          return value(row + Math.floor(pixel / size.width), pixel % size.width, i % size.bands);
        });
        return Buffer.from(rows.buffer);
      },
    });
    assert.equal(scene.pcaDigest, sent.scene!.pcaDigest);
    assert.deepEqual(scene.statistics, sent.scene!.statistics);
  });

  test('a file that changed since its first rows were read is not continued, and its rows are removed', async () => {
    server.hold();
    const { job, result } = await beginReading('changed');
    await pod.kill();
    await assert.rejects(result);
    pod = await startPod('preprocessing', environment);
    server.serve(Buffer.from(file));
    server.release();
    const place = `${server.origin}/allowed/held.tif`;
    await assert.rejects(prepareSource(pod, place, { name: 'changed', resumeJob: job }), (error: Error) => {
      assert.ok(hasCode('SCENE_SOURCE_UNREADABLE')(error), error.message);
      assert.match(error.message, /it changed after some of its rows were read/);
      return true;
    });
    assert.equal(await openPreparations(), 0);
  });
});

describe('names in URLs of scenes', () => {
  test('a name that leads to a private address is refused before it is connected to, unless the operator allows it', async () => {
    const { file } = await madeUpCog();
    const server = await startRangeServer(file);
    const place = `http://localhost:${server.port}/allowed/scene.tif`;
    const sceneUrls = `http://localhost:${server.port}/allowed/`;
    const [closed, open] = [
      await startServices({ sceneUrls }),
      await startServices({ sceneUrls, sceneUrlsPrivate: true }),
    ];
    try {
      await assert.rejects(prepareSource(closed, place), (error: Error) => {
        assert.ok(hasCode('SCENE_SOURCE_REFUSED')(error), error.message);
        assert.match(error.message, /localhost has the address (127\.0\.0\.1|::1), which is not public/);
        assert.match(error.message, /HYPERSWAP_SCENE_URLS_PRIVATE/);
        return true;
      });
      assert.deepEqual(server.asked, []);
      assert.equal((await prepareSource(open, place)).raster!.height, 300);
    } finally {
      await closed.stop();
      await open.stop();
      server.close();
    }
  });
});

test(
  'an object of MinIO is prepared, and one that is cut or changes meanwhile is refused',
  { skip: serversMissing },
  async () => {
    const { file, values } = await madeUpCog();
    const fleet = await startFleet();
    try {
      const pod = await fleet.startPod('preprocessing');
      const client = minioClient(fleet.minio);
      // As an operator puts it there: without this project's checksums.
      const put = (key: string, content: Buffer): Promise<unknown> =>
        client.putObject('hyperswap', `uploads/${key}`, content, content.byteLength);
      await put('site/scene.tif', file);
      const scene = await prepareSource(pod, 'store:site/scene.tif');
      const { raster } = await callUnary(pod.scenes, 'describeSceneSource', { source: 'store:site/scene.tif' });
      const { height } = raster!;
      const rowBytes = values.byteLength / height;
      const header = { ...sceneHeader('sent', raster!), raster };
      const pixels = (row: number, count: number): Buffer => values.subarray(row * rowBytes, (row + count) * rowBytes);
      const sent = await send(pod, { header, step: 50, pixels });
      assert.equal(scene.pcaDigest, sent.scene!.pcaDigest);
      await put('cut.tif', file.subarray(0, file.byteLength / 2));
      await assert.rejects(prepareSource(pod, 'store:cut.tif', { name: 'cut' }), (error: Error) => {
        assert.ok(hasCode('FILE_FORMAT')(error), error.message);
        assert.match(error.message, /store:cut\.tif/);
        return true;
      });
      await assert.rejects(
        prepareSource(pod, 'store:none.tif'),
        hasCode('SCENE_SOURCE_UNREADABLE', /no object uploads\/none\.tif/),
      );
    } finally {
      await fleet.stop();
    }
  },
);
