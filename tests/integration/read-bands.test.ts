import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PixelType, type ReadBandsRequest, type ReadBandsResponse } from '@hyperswap/proto';
import { readStream } from '@hyperswap/rpc';
import { hasCode } from '../support/errors.js';
import { npy, prepare, prepareToy, rasterInfo, startServices, toyScene, type Services } from '../support/services.js';

const toy = toyScene();
const { height, width, bands, values } = toy;
let services: Services;

before(async () => {
  services = await startServices();
  await prepareToy(services);
});

after(() => services.stop());

async function read(request: Partial<ReadBandsRequest>): Promise<ReadBandsResponse[]> {
  const full = { scene: 'toy', sceneDigest: undefined, bands: [], window: undefined, ...request };
  const found: ReadBandsResponse[] = [];
  for await (const block of readStream(services.scenes, services.scenes.readBands(full))) found.push(block);
  return found;
}

const asWords = (bytes: Uint8Array): Uint16Array => new Uint16Array(new Uint8Array(bytes).buffer);

test('the pixels of a scene come back as they were sent', async () => {
  const [block, ...more] = await read({});
  assert.equal(more.length, 0);
  assert.deepEqual(block!.window, { row: 0, column: 0, height, width });
  assert.equal(block!.pixelType, PixelType.PIXEL_TYPE_UINT16);
  assert.deepEqual(asWords(block!.values), values);
  assert.ok(block!.mask.every((isValid) => isValid === 1));
});

test('bands come in the order of the request, of the window alone', async () => {
  const window = { row: 5, column: 7, height: 3, width: 4 };
  const [block] = await read({ bands: [9, 2, 9], window });
  const wanted: number[] = [];
  for (let row = 5; row < 8; row++) {
    for (let column = 7; column < 11; column++) {
      for (const band of [9, 2, 9]) wanted.push(values[(row * width + column) * bands + band]!);
    }
  }
  assert.deepEqual([...asWords(block!.values)], wanted);
});

test('large windows are cut into messages that clients with default settings read', async () => {
  const large = toyScene(40, 700, 64);
  await prepare(services, { name: 'large' }, npy([40, 700, 64], large.values));
  const blocks = await read({ scene: 'large' });
  assert.ok(blocks.length > 1);
  const found = new Uint16Array(large.values.length);
  for (const { window, values: bytes } of blocks) {
    assert.ok(bytes.length <= 1024 * 1024);
    assert.equal(window!.width, 700);
    found.set(asWords(bytes), window!.row * 700 * 64);
  }
  assert.deepEqual(found, large.values);
});

test('pixels without data are marked', async () => {
  const holes = values.slice();
  holes.fill(0, 0, 3 * bands);
  const raster = rasterInfo({ height, width, bands, nodata: 0 });
  await prepare(services, { name: 'holes', raster }, npy([height, width, bands], holes));
  const [block] = await read({ scene: 'holes', bands: [0] });
  assert.deepEqual([...block!.mask.subarray(0, 5)], [0, 0, 0, 1, 1]);
});

test('bands and windows that a scene does not have are refused, and so is another content', async () => {
  await assert.rejects(read({ bands: [16] }), hasCode('FIELD_INVALID', /16 is none of the 16 bands/));
  await assert.rejects(read({ bands: new Array<number>(17).fill(0) }), hasCode('FIELD_INVALID', /there are 17/));
  await assert.rejects(
    read({ window: { row: 0, column: 0, height: height + 1, width } }),
    hasCode('FIELD_INVALID', /24 × 30/),
  );
  await assert.rejects(
    read({ window: { row: 0, column: 0, height: 0, width: 0 } }),
    hasCode('FIELD_INVALID', /part of the scene/),
  );
  await assert.rejects(read({ scene: 'none' }), hasCode('SCENE_NOT_FOUND'));
  await assert.rejects(read({ sceneDigest: '0'.repeat(64) }), hasCode('SCENE_CHANGED'));
});
