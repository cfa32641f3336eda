import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  Output,
  Padding,
  PixelContent,
  PixelType,
  type ClassifyTilesHeader,
  type ClassifyTilesRequest,
  type Scene,
  type SceneJob,
  type Tile,
  type TileResult,
} from '@hyperswap/proto';
import { callUnary, exchange, fromErrorStatus, readStream } from '@hyperswap/rpc';
import { reflect } from '@hyperswap/raster';
import { hasCode } from '../support/errors.js';
import {
  prepareToy,
  readMapOf,
  startServices,
  toyScene,
  train,
  trainingRequest,
  type Services,
} from '../support/services.js';

let services: Services;
let scene: Scene;
const toy = toyScene();

before(async () => {
  // Maps that were made two ways are compared pixel by pixel: bfloat16 would round scores apart that differ in
  // float32's last bit.
  services = await startServices({ precision: 'float32' });
  scene = await prepareToy(services);
  await train(services, { method: 'krona+', settings: { epochs: '3' } });
  await train(services, { method: 'linear-probe' });
});

after(() => services.stop());

const header = (change: Partial<ClassifyTilesHeader> = {}): ClassifyTilesHeader => ({
  adapter: 'toy@1',
  pixelType: PixelType.PIXEL_TYPE_FLOAT32,
  bands: 12,
  content: PixelContent.PIXEL_CONTENT_PREPARED,
  outputs: [],
  scene: 'toy',
  padding: Padding.PADDING_NONE,
  wavelengths: [],
  ...change,
});

async function preparedTiles(tileSize: number, halo = 4): Promise<Tile[]> {
  const { scenes } = services;
  const call = scenes.streamTiles({ scene: 'toy', tileSize, halo, window: undefined });
  const tiles: Tile[] = [];
  for await (const { tile, window, scores } of readStream(scenes, call)) {
    tiles.push({ id: String(tile), window, halo, margins: undefined, pixels: scores, adapter: '' });
  }
  return tiles;
}

async function* classify(
  first: ClassifyTilesHeader,
  tiles: Iterable<Tile> | AsyncIterable<Tile>,
): AsyncGenerator<TileResult & { readonly id: string }> {
  async function* requests(): AsyncGenerator<ClassifyTilesRequest> {
    yield { part: { $case: 'header', value: first } };
    for await (const tile of tiles) yield { part: { $case: 'tile', value: tile } };
  }
  const { tiles: service } = services;
  for await (const { id, outcome } of exchange(service, service.classifyTiles(), requests())) {
    if (outcome?.$case === 'error') throw fromErrorStatus(outcome.value);
    if (outcome?.$case === 'result') yield { id, ...outcome.value };
  }
}

async function mapOf(first: ClassifyTilesHeader, tiles: Iterable<Tile>): Promise<Uint8Array> {
  const map = new Uint8Array(scene.raster!.height * scene.raster!.width);
  for await (const { window, labels } of classify(first, tiles)) {
    for (let y = 0; y < window!.height; y++) {
      const line = labels.subarray(y * window!.width, (y + 1) * window!.width);
      map.set(line, (window!.row + y) * scene.raster!.width + window!.column);
    }
  }
  return map;
}

async function sceneJob(adapter: string, chunkSize: number, probabilities = false): Promise<SceneJob> {
  const { sceneJobs } = services;
  const request = { scene: 'toy', adapter, chunkSize, detached: false, probabilities };
  for await (const { event } of readStream(sceneJobs, sceneJobs.classifyScene(request))) {
    if (event?.$case === 'done') return event.value;
  }
  throw new Error('no map');
}

async function sceneMap(adapter: string, chunkSize: number): Promise<Uint8Array> {
  const map = await readMapOf(services, await sceneJob(adapter, chunkSize));
  return new Uint8Array(map.subarray(0, map.byteLength / 2));
}

test('a trained adapter knows its scene and tells how well', async () => {
  const { adapter } = await callUnary(services.adapters, 'getAdapter', { adapter: 'toy@2' });
  assert.ok(adapter!.metrics!.overallAccuracy > 0.9, String(adapter!.metrics!.overallAccuracy));
  assert.equal(adapter!.method, 'linear-probe');
  assert.equal(adapter!.metrics!.perClass.length, 3);
  assert.ok(adapter!.bytes < 200_000);
});

test('the map does not depend on how the scene was cut, nor on the way it was asked for', async () => {
  const whole = await mapOf(header(), await preparedTiles(64));
  const right = toy.labels.filter((label, pixel) => label === whole[pixel]).length;
  assert.ok(right > 0.9 * toy.labels.filter((label) => label > 0).length);
  for (const tileSize of [7, 16]) assert.deepEqual(await mapOf(header(), await preparedTiles(tileSize)), whole);
  assert.deepEqual(await mapOf(header(), await preparedTiles(10, 9)), whole, 'a larger halo changes nothing');
  assert.deepEqual(await sceneMap('toy@1', 0), whole);
  assert.deepEqual(await sceneMap('toy@1', 11), whole);
});

test('a raw tile and an adapter are enough', async () => {
  const whole = await mapOf(header(), await preparedTiles(64));
  const halo = 4;
  const { height, width, bands, values } = toy;
  const pixels = new Uint16Array((height + 2 * halo) * (width + 2 * halo) * bands);
  let position = 0;
  for (let y = -halo; y < height + halo; y++) {
    for (let x = -halo; x < width + halo; x++) {
      const start = (reflect(y, height) * width + reflect(x, width)) * bands;
      pixels.set(values.subarray(start, start + bands), position);
      position += bands;
    }
  }
  const window = { row: 0, column: 0, height, width };
  const raw = header({
    pixelType: PixelType.PIXEL_TYPE_UINT16,
    bands,
    content: PixelContent.PIXEL_CONTENT_RAW,
  });
  const map = await mapOf(raw, [
    { id: 'all', window, halo, margins: undefined, pixels: Buffer.from(pixels.buffer), adapter: '' },
  ]);
  const same = map.filter((label, pixel) => label === whole[pixel]).length;
  assert.ok(same >= 0.999 * map.length, `${same} of ${map.length}`);
});

test('surroundings that a border tile lacks are mirrored on request, to the same map', async () => {
  const whole = await mapOf(header(), await preparedTiles(64));
  const { height, width, bands, values } = toy;
  const raw = header({
    pixelType: PixelType.PIXEL_TYPE_UINT16,
    bands: undefined,
    content: PixelContent.PIXEL_CONTENT_RAW,
    scene: '',
    padding: Padding.PADDING_REFLECT,
    wavelengths: [],
  });
  const tiles: Tile[] = [];
  for (const row of [0, 11]) {
    const rows = row === 0 ? 11 : height - 11;
    const margins = { top: Math.min(4, row), left: 0, bottom: Math.min(4, height - row - rows), right: 0 };
    const from = (row - margins.top) * width * bands;
    const to = (row + rows + margins.bottom) * width * bands;
    const pixels = Buffer.from(values.slice(from, to).buffer);
    const window = { row, column: 0, height: rows, width };
    tiles.push({ id: String(row), window, halo: 0, margins, pixels, adapter: '' });
  }
  const map = await mapOf(raw, tiles);
  const same = map.filter((label, pixel) => label === whole[pixel]).length;
  assert.ok(same >= 0.999 * map.length, `${same} of ${map.length}`);
});

test('an invalid tile is answered with its id, and the stream goes on', async () => {
  const [first, second] = await preparedTiles(12);
  // eslint-disable-next-line @typescript-eslint/require-await -- the exchange takes an async iterable
  async function* requests(): AsyncGenerator<ClassifyTilesRequest> {
    yield { part: { $case: 'header', value: header() } };
    yield { part: { $case: 'tile', value: { ...first!, pixels: Buffer.alloc(7) } } };
    yield { part: { $case: 'tile', value: { ...first!, id: 'x'.repeat(2_000_000) } } };
    yield { part: { $case: 'tile', value: second! } };
  }
  const found = new Map<string, string>();
  for await (const { id, outcome } of exchange(services.tiles, services.tiles.classifyTiles(), requests())) {
    found.set(id, outcome?.$case === 'error' ? outcome.value.code : 'result');
  }
  assert.deepEqual([...found].sort(), [
    ['0', 'TILE_BYTES'],
    ['1', 'result'],
    ['x'.repeat(50), 'FIELD_INVALID'],
  ]);
});

test('probabilities of all classes come beside labels, from tiles and from jobs alike', async () => {
  const outputs = [Output.OUTPUT_LABELS, Output.OUTPUT_CONFIDENCE, Output.OUTPUT_PROBABILITIES];
  const [tile] = await preparedTiles(64);
  let streamed: TileResult | undefined;
  for await (const result of classify(header({ outputs }), [tile!])) streamed = result;
  const { labels, confidence, probabilities } = streamed!;
  assert.equal(probabilities.byteLength, 3 * labels.byteLength);
  labels.forEach((label, pixel) => {
    const shares = probabilities.subarray(3 * pixel, 3 * pixel + 3);
    assert.equal(shares[label - 1], Math.max(...shares));
    assert.equal(shares[label - 1], confidence[pixel]);
  });
  const { sceneJobs } = services;
  const { status } = await sceneJob('toy@1', 16, true);
  const window = { row: 3, column: 4, height: 7, width: 9 };
  const call = sceneJobs.readMap({ job: status!.job, outputs, window, smoothingReach: 0 });
  const own = Buffer.alloc(scene.raster!.height * scene.raster!.width * 3);
  for await (const { event } of readStream(sceneJobs, call)) {
    if (event?.$case !== 'rows') continue;
    const { row, column, height, width } = event.value.window!;
    assert.deepEqual([column, width], [4, 9]);
    event.value.probabilities.copy(own, row * 9 * 3, 0, height * width * 3);
  }
  for (let y = 0; y < 7; y++) {
    const start = ((3 + y) * scene.raster!.width + 4) * 3;
    assert.deepEqual(own.subarray((3 + y) * 27, (4 + y) * 27), probabilities.subarray(start, start + 27));
  }
  const plain = await sceneJob('toy@1', 0);
  const refused = sceneJobs.readMap({ job: plain.status!.job, outputs, window: undefined, smoothingReach: 0 });
  await assert.rejects(
    async () => {
      for await (const part of readStream(sceneJobs, refused)) assert.fail(JSON.stringify(part));
    },
    hasCode('FIELD_INVALID', /probabilities/),
  );
});

test('adapters are swapped while a stream runs: every tile is answered, by one version whole', async () => {
  const { adapters } = services;
  const point = (adapter: string) => callUnary(adapters, 'setAlias', { adapter, alias: 'serving' });
  const maps: Record<string, Uint8Array> = {};
  for (const adapter of ['toy@1', 'toy@2']) maps[adapter] = await mapOf(header({ adapter }), await preparedTiles(64));
  assert.notDeepEqual(maps['toy@1'], maps['toy@2']);

  await point('toy@1');
  const tiles = await preparedTiles(5);
  let answered = 0;
  let release: () => void = () => undefined;
  const half = new Promise<void>((resolve) => (release = resolve));
  async function* slow(): AsyncGenerator<Tile> {
    for (const [index, tile] of tiles.entries()) {
      if (index === Math.floor(tiles.length / 2)) await half;
      yield tile;
    }
  }
  const by = new Map<string, number>();
  for await (const { window, labels, adapter } of classify(header({ adapter: 'toy:serving' }), slow())) {
    answered += 1;
    by.set(adapter, (by.get(adapter) ?? 0) + 1);
    const { row, column, height, width } = window!;
    for (let y = 0; y < height; y++) {
      const start = (row + y) * scene.raster!.width + column;
      assert.deepEqual(
        [...labels.subarray(y * width, (y + 1) * width)],
        [...maps[adapter]!.subarray(start, start + width)],
      );
    }
    if (answered === 5) {
      await point('toy@2');
      release();
    }
  }
  assert.equal(answered, tiles.length);
  assert.ok(by.get('toy@1')! >= 5 && by.get('toy@2')! >= Math.floor(tiles.length / 2), JSON.stringify([...by]));
});

test('a tile may name its own adapter', async () => {
  const [first, second] = await preparedTiles(12);
  const used = new Map<string, string>();
  for await (const { id, adapter } of classify(header(), [first!, { ...second!, adapter: 'toy@2' }]))
    used.set(id, adapter);
  assert.deepEqual([...used].sort(), [
    ['0', 'toy@1'],
    ['1', 'toy@2'],
  ]);
});

test('live tensors stay flat over many tiles and bindings', async () => {
  const live = async (): Promise<number> => (await callUnary(services.tiles, 'getStatus', {})).engine!.liveTensors;
  await mapOf(header(), await preparedTiles(8));
  const before = await live();
  for (let round = 0; round < 3; round++) {
    await mapOf(header(), await preparedTiles(8));
    await sceneMap('toy@2', 9);
  }
  assert.equal(await live(), before);
});

test('training is the same for a seed, and then the version that is there; another for another', async () => {
  const request = { adapter: 'again', method: 'krona+', settings: { epochs: '2' } };
  const first = await train(services, { ...request, seed: 5 });
  const second = await train(services, { ...request, seed: 5 });
  assert.deepEqual([second.adapter!.version, second.adapter!.digest], [1, first.adapter!.digest]);
  const other = await train(services, { ...request, seed: 6 });
  assert.notEqual(other.adapter!.digest, first.adapter!.digest);
});

test('a training that is cancelled ends so and registers nothing', async () => {
  const { trainings } = services;
  const request = trainingRequest({ method: 'krona+', adapter: 'cancelled', settings: { epochs: '1000' } });
  const { training } = await callUnary(trainings, 'startTraining', request);
  const events: string[] = [];
  const watching = (async () => {
    for await (const { event } of readStream(trainings, trainings.watchTraining({ training }))) {
      if (event?.$case === 'progress') events.push(event.value.progress!.stage);
      if (events.length === 4) await callUnary(trainings, 'cancelTraining', { training });
    }
  })();
  await assert.rejects(watching, hasCode('CANCELLED'));
  await assert.rejects(
    callUnary(services.adapters, 'getAdapter', { adapter: 'cancelled' }),
    hasCode('ADAPTER_NOT_FOUND'),
  );
});
