/** Scenes that the service reads itself: at URLs of a real HTTP server, and in its own store. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PixelType, type PrepareSceneHeader, type PrepareSceneRequest, type Scene } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { hasCode } from '../support/errors.js';
import { cogSize, cogTransform, madeUpCog, startRangeServer, type RangeServer } from '../support/range-server.js';
import { labelsOf, startServices, type Services } from '../support/services.js';
import { prepareSource, send, sceneHeader } from '../support/uploads.js';

const size = cogSize;
const rowBytes = size.width * size.bands;
const fixtures = path.join(import.meta.dirname, '../../fixtures/rasters');

describe('scenes that the service reads itself', () => {
  let cog: Buffer;
  let bytes: Buffer;
  let server: RangeServer;
  let other: RangeServer;
  let origin: string;
  let services: Services;

  before(async () => {
    ({ file: cog, values: bytes } = await madeUpCog());
    assert.ok(cog.length > 200_000, 'many ranges are needed');
    other = await startRangeServer(cog);
    server = await startRangeServer(cog, `${other.origin}/allowed/scene.tif`);
    ({ origin } = server);
    services = await startServices({ sceneUrls: `${origin}/allowed/`, sceneUrlMilliseconds: 2000 });
  });

  after(async () => {
    await services.stop();
    server.close();
    other.close();
  });

  const prepareFrom = (
    place: string,
    header: Partial<PrepareSceneHeader> = {},
    parts: readonly PrepareSceneRequest[] = [],
    on: Services = services,
  ): Promise<Scene> => prepareSource(on, place, header, { parts });

  async function sent(name: string): Promise<Scene> {
    const described = await callUnary(services.scenes, 'describeSceneSource', {
      source: `${origin}/allowed/scene.tif`,
    });
    const header = { ...sceneHeader(name, size), raster: described.raster };
    const pixels = (row: number, count: number): Buffer => bytes.subarray(row * rowBytes, (row + count) * rowBytes);
    return (await send(services, { header, step: 7, pixels })).scene!;
  }

  test('a COG at an allowed URL is prepared as the same pixels from a client', async () => {
    const labels = Buffer.from(Uint8Array.from({ length: size.height * size.width }, (_, pixel) => (pixel % 3) + 1));
    const part = { part: { $case: 'labels', value: { labelMap: 'truth', row: 0, labels } } } as const;
    const read = await prepareFrom(`${origin}/allowed/scene.tif`, { name: 'read', labelMaps: ['truth'] }, [part]);
    const same = await sent('sent');
    assert.equal(read.pcaDigest, same.pcaDigest);
    assert.deepEqual(read.statistics, same.statistics);
    assert.deepEqual(read.raster, same.raster);
    assert.equal(read.raster!.pixelType, PixelType.PIXEL_TYPE_UINT8);
    assert.equal(read.raster!.nodata, 0);
    assert.deepEqual(read.raster!.georeference, { epsg: 32616, crsWkt: '', transform: [...cogTransform] });
    assert.deepEqual(Buffer.from(await labelsOf(services, read, 'truth')), labels);
  });

  test('an object of the store is prepared, and no key leaves its folder', async () => {
    const store = new DirectoryObjectStore(path.join(services.home, 'store'));
    await store.put('uploads/site/scene.tif', cog);
    const read = await prepareFrom('store:site/scene.tif', { name: 'stored' });
    const same = await sent('stored-sent');
    assert.equal(read.sourceDigest, same.sourceDigest);
    assert.equal(read.pcaDigest, same.pcaDigest);
    await assert.rejects(prepareFrom('store:site/none.tif'), hasCode('SCENE_SOURCE_UNREADABLE'));
    for (const key of ['../scenes/x', '', '/x', 'a//b', 'a/../../b']) {
      await assert.rejects(prepareFrom(`store:${key}`), hasCode('SCENE_SOURCE_REFUSED'), key);
    }
  });

  test('a client describes the bands in its own words, but not their number or type', async () => {
    const place = `${origin}/allowed/scene.tif`;
    const { raster } = await callUnary(services.scenes, 'describeSceneSource', { source: place });
    const wavelengths = Array.from({ length: size.bands }, (_, band) => 400 + 10 * band);
    const read = await prepareFrom(place, { name: 'own-words', raster: { ...raster!, wavelengths } });
    assert.deepEqual(read.raster!.wavelengths, wavelengths);
    const wrong = { ...raster!, pixelType: PixelType.PIXEL_TYPE_UINT16 };
    await assert.rejects(prepareFrom(place, { raster: wrong }), hasCode('FIELD_INVALID'));
    const pixels = { row: 0, values: bytes.subarray(0, rowBytes) };
    await assert.rejects(
      prepareFrom(place, {}, [{ part: { $case: 'pixels', value: pixels } }]),
      hasCode('FIELD_INVALID'),
    );
  });

  test('URLs that the operator does not allow are refused before anything is asked', async () => {
    const { host } = new URL(origin);
    server.forget();
    for (const url of [
      `${origin}/secret/scene.tif`,
      `${origin}/allowed`,
      `${origin}/allowedandmore/scene.tif`,
      `${origin}/allowed/../secret/scene.tif`,
      `${origin}/allowed/%2e%2e/secret/scene.tif`,
      `${origin}/allowed/..%2fsecret/scene.tif`,
      `${origin}/allowed/%252e%252e/secret.tif`,
      `${origin}/allowed\\..\\secret\\scene.tif`,
      `${origin}/allowed/scene.tif?url=http://127.0.0.1/`,
      `http://${host}@evil.example/allowed/scene.tif`,
      `http://user:secret@${host}/allowed/scene.tif`,
      `http://127.0.0.1.evil.example/allowed/scene.tif`,
      `http://127.0.0.1:1/allowed/scene.tif`,
      `https://${host}/allowed/scene.tif`,
      `file:///etc/passwd`,
      `ftp://${host}/allowed/scene.tif`,
      `/etc/passwd`,
    ]) {
      await assert.rejects(prepareFrom(url), (error: Error) => {
        assert.ok(hasCode('SCENE_SOURCE_REFUSED')(error), `${url}: ${error.message}`);
        assert.match(error.message, /HYPERSWAP_SCENE_URLS/);
        assert.doesNotMatch(error.message, /user:secret|url=/);
        return true;
      });
    }
    assert.deepEqual(server.asked, []);
  });

  for (const [file, code, reason] of [
    ['redirecting', 'SCENE_SOURCE_UNREADABLE', /redirects/],
    ['whole', 'SCENE_SOURCE_UNREADABLE', /does not answer requests for ranges/],
    ['status-404', 'SCENE_SOURCE_UNREADABLE', /status 404/],
    ['status-503', 'SCENE_SOURCE_UNREACHABLE', /status 503/],
    ['renewed', 'SCENE_SOURCE_UNREADABLE', /changed while it was read/],
    ['too-much', 'SCENE_SOURCE_UNREADABLE', /sends more than it was asked for/],
    ['larger', 'SCENE_SOURCE_UNREACHABLE', /cannot be reached|broke off|sent \d+ of/],
    ['zipped', 'SCENE_SOURCE_UNREADABLE', /encodes what it sends/],
    ['truncated', 'SCENE_SOURCE_UNREACHABLE', /broke off|sent 100 of/],
    ['hanging', 'SCENE_SOURCE_UNREACHABLE', /did not answer within 2000 ms/],
    ['dripping', 'SCENE_SOURCE_UNREACHABLE', /did not answer within 2000 ms/],
  ] as const) {
    test(`an answer of the kind "${file}" is refused with its reason`, async () => {
      const start = Date.now();
      const place = `${origin}/allowed/${file}.tif`;
      await assert.rejects(prepareFrom(place, { name: file }), (error: Error) => {
        assert.ok(hasCode(code)(error), error.message);
        assert.match(error.message, reason);
        assert.ok(error.message.includes(place), error.message);
        return true;
      });
      assert.ok(Date.now() - start < 20_000, file);
      assert.deepEqual(other.asked, [], 'nobody else is asked');
      const open = await callUnary(services.scenes, 'listPreparations', { pageSize: 0, pageToken: '' });
      const kept = open.preparations.filter(({ scene }) => scene === file);
      // An upload stays open where the server may answer later.
      const isOpen = ['truncated', 'dripping', 'larger'].includes(file);
      assert.equal(kept.length, isOpen ? 1 : 0);
      for (const { status } of kept) await callUnary(services.scenes, 'cancelPreparation', { job: status!.job });
    });
  }

  test('what is no GeoTIFF is refused by its first bytes', async () => {
    await assert.rejects(prepareFrom(`${origin}/allowed/picture.tif`), hasCode('FILE_FORMAT'));
    const store = new DirectoryObjectStore(path.join(services.home, 'store'));
    await store.put('uploads/cut.tif', cog.subarray(0, cog.length / 2));
    await assert.rejects(prepareFrom('store:cut.tif', { name: 'cut' }), hasCode('FILE_FORMAT'));
  });

  test('wavelengths of a fixture come from the file', async () => {
    const store = new DirectoryObjectStore(path.join(services.home, 'store'));
    await store.put('uploads/waves.tif', await readFile(path.join(fixtures, 'tiff_wavelengths.tif')));
    const { raster } = await callUnary(services.scenes, 'describeSceneSource', { source: 'store:waves.tif' });
    assert.deepEqual([raster!.height, raster!.width, raster!.bands], [11, 13, 6]);
    assert.equal(raster!.wavelengths.length, 6);
    await assert.rejects(prepareFrom('store:waves.tif'), hasCode('TOO_FEW_BANDS'));
  });

  test('a file that takes longer than the total time is refused, although each answer comes in time', async () => {
    const hasty = await startServices({ sceneUrls: `${origin}/allowed/`, sceneUrlTotalMilliseconds: 2000 });
    try {
      const slow = prepareFrom(`${origin}/allowed/slow.tif`, { name: 'slow' }, [], hasty);
      await assert.rejects(slow, (error: Error) => {
        assert.ok(hasCode('SCENE_SOURCE_UNREADABLE')(error), error.message);
        assert.match(error.message, /took more than 2000 ms \(HYPERSWAP_SCENE_URL_TOTAL_MILLISECONDS\)/);
        return true;
      });
    } finally {
      await hasty.stop();
    }
  });

  test('a scene that is too large is refused by its header, and no URL is read unless the operator allows some', async () => {
    const small = await startServices({ maximumSceneBytes: 1_000_000, sceneUrls: `${origin}/allowed/` });
    const closed = await startServices();
    try {
      const place = `${origin}/allowed/scene.tif`;
      await assert.rejects(prepareFrom(place, {}, [], small), /HYPERSWAP_MAXIMUM_SCENE_BYTES/);
      await assert.rejects(prepareFrom(place, {}, [], closed), /the operator allows no URLs/);
    } finally {
      await small.stop();
      await closed.stop();
    }
  });
});
