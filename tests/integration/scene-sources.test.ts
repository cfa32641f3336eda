/** Scenes that the service reads itself: at URLs of a real HTTP server, and in its own store. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PixelType, type PrepareSceneHeader, type PrepareSceneRequest, type Scene } from '@hyperswap/proto';
import { CogWriter, OutputFolder } from '@hyperswap/raster';
import { callUnary, exchange } from '@hyperswap/rpc';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { hasCode } from '../support/errors.js';
import { labelsOf, startServices, type Services } from '../support/services.js';
import { madeUpScene, send, sceneHeader } from '../support/uploads.js';

const size = { height: 300, width: 290, bands: 16 };
const transform = [20, 0, 500_000, 0, -20, 4_000_000] as const;
const fixtures = path.join(import.meta.dirname, '../../fixtures/rasters');

describe('scenes that the service reads itself', () => {
  let directory: string;
  let cog: Buffer;
  let server: Server;
  let origin: string;
  let services: Services;
  let asked: string[] = [];

  /** Values of one byte: `[height, width, bands]`. */
  const source = madeUpScene('sent', size);
  const bytes = Buffer.from(
    new Uint16Array(new Uint8Array(source.pixels(0, size.height)).buffer).map((value) => value >> 5),
  );
  const rowBytes = size.width * size.bands;

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url!;
    asked.push(url);
    const [, first, last] = (/^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []).map(Number);
    if (url.includes('hanging')) return;
    if (url.includes('redirecting')) {
      response.writeHead(302, { location: '/allowed/scene.tif' }).end();
      return;
    }
    if (url.includes('missing')) {
      response.writeHead(404).end();
      return;
    }
    if (url.includes('whole') || first === undefined) {
      response.writeHead(200, { 'content-length': cog.length }).end(cog);
      return;
    }
    const content = url.includes('picture') ? Buffer.from('\x89PNG\r\n\x1a\n and so on, for a while', 'latin1') : cog;
    const part = content.subarray(first, last! + 1);
    const etag = url.includes('renewed') ? `"${asked.length}"` : '"one"';
    const range = `bytes ${first}-${first + part.length - 1}/${content.length}`;
    response.writeHead(206, { 'content-range': range, 'content-length': part.length, etag });
    if (url.includes('truncated') && first > 0) {
      response.write(part.subarray(0, 100));
      setTimeout(() => response.destroy(), 20);
    } else response.end(part);
  }

  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-sources-'));
    const folder = await OutputFolder.open(directory);
    const writer = await CogWriter.create(folder, 'scene.tif', {
      ...{ height: size.height, width: size.width, overviews: 'mean', facts: {}, nodata: 0 },
      ...{ descriptions: Array.from({ length: size.bands }, (_, band) => `band ${band}`) },
      ...{ crs: { epsg: 32616 }, transform },
    });
    await writer.append(bytes);
    await writer.finish();
    cog = await readFile((await folder.commit())[0]!);
    assert.ok(cog.length > 200_000, 'many ranges are needed');
    server = createServer(answer).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    services = await startServices({ sceneUrls: `${origin}/allowed/`, sceneUrlMilliseconds: 2000 });
  });

  after(async () => {
    await services.stop();
    server.closeAllConnections();
    server.close();
    await rm(directory, { recursive: true, force: true });
  });

  /** Prepares a scene of which only the header, and perhaps labels, are sent. */
  async function prepareFrom(
    place: string,
    more: Partial<PrepareSceneHeader> = {},
    parts: readonly PrepareSceneRequest[] = [],
    on = services,
  ): Promise<Scene> {
    const header = { ...sceneHeader('read', size), raster: undefined, source: place, ...more };
    // eslint-disable-next-line @typescript-eslint/require-await -- the exchange takes an async iterable
    async function* requests(): AsyncGenerator<PrepareSceneRequest> {
      yield { part: { $case: 'header', value: header } };
      yield* parts;
    }
    for await (const { event } of exchange(on.scenes, on.scenes.prepareScene(), requests())) {
      if (event?.$case === 'scene') return event.value;
    }
    throw new Error('the call ended without a scene');
  }

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
    const other = await sent('sent');
    assert.equal(read.pcaDigest, other.pcaDigest);
    assert.deepEqual(read.statistics, other.statistics);
    assert.deepEqual(read.raster, other.raster);
    assert.equal(read.raster!.pixelType, PixelType.PIXEL_TYPE_UINT8);
    assert.equal(read.raster!.nodata, 0);
    assert.deepEqual(read.raster!.georeference, { epsg: 32616, crsWkt: '', transform: [...transform] });
    assert.deepEqual(Buffer.from(await labelsOf(services, read, 'truth')), labels);
  });

  test('an object of the store is prepared, and no key leaves its folder', async () => {
    const store = new DirectoryObjectStore(path.join(services.home, 'store'));
    await store.put('uploads/site/scene.tif', cog);
    const read = await prepareFrom('store:site/scene.tif', { name: 'stored' });
    const other = await sent('stored-sent');
    assert.equal(read.sourceDigest, other.sourceDigest);
    assert.equal(read.pcaDigest, other.pcaDigest);
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
    asked = [];
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
    assert.deepEqual(asked, []);
  });

  test('servers that answer otherwise than with the range are refused, each with its reason', async () => {
    for (const [file, reason] of [
      ['redirecting', /redirects/],
      ['whole', /does not answer requests for ranges/],
      ['missing', /status 404/],
      ['truncated', /cannot be read/],
      ['renewed', /changed while it was read/],
      ['hanging', /did not answer within 2000 ms/],
    ] as const) {
      const start = Date.now();
      await assert.rejects(prepareFrom(`${origin}/allowed/${file}.tif`, { name: file }), (error: Error) => {
        assert.ok(hasCode('SCENE_SOURCE_UNREADABLE')(error), `${file}: ${error.message}`);
        assert.match(error.message, reason);
        return true;
      });
      assert.ok(Date.now() - start < 30_000, file);
    }
    const open = await callUnary(services.scenes, 'listPreparations', { pageSize: 0, pageToken: '' });
    assert.ok(open.preparations.every(({ scene }) => scene !== 'truncated' && scene !== 'renewed'));
  });

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
