import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Scene } from '@hyperswap/proto';
import { Random } from '@hyperswap/random';
import { reflect } from '@hyperswap/raster';
import { checkSpectra, checkWholeScene, SceneSource, spectraWindows, usableBands } from '@hyperswap/trainer';
import { hasCode } from '../support/errors.js';
import { npy, prepare, prepareToy, startServices, toyScene, train, type Services } from '../support/services.js';

let services: Services;
let scene: Scene;
let source: SceneSource;
const toy = toyScene();
const { signal } = new AbortController();

before(async () => {
  services = await startServices({ precision: 'float32' });
  scene = await prepareToy(services);
  source = new SceneSource({ endpoint: services.host.server.endpoint, access: {} });
});

after(async () => {
  source.close();
  await services.stop();
});

test('windows of all bands are those of the file, mirrored at the border, in the order of the pixels', async () => {
  const { height, width, bands } = toy;
  const all = Array.from({ length: height * width }, (_, pixel) => pixel);
  const shuffled = [...new Random(2).shuffle(Int32Array.from(all))].slice(0, 40);
  const side = 7;
  const chosen = [3, 15, 0];
  for (const [pixels, some] of [
    [all, all.slice(0, bands)],
    [shuffled, chosen],
  ] as const) {
    let next = 0;
    for await (const batch of spectraWindows(source, scene, pixels, { side, bands: some }, signal)) {
      assert.equal(batch.first, next);
      next += batch.count;
      for (let i = 0; i < batch.count; i++) {
        const pixel = pixels[batch.first + i]!;
        const [row, column] = [Math.floor(pixel / width), pixel % width];
        const expected: number[] = [];
        for (let y = row - 3; y <= row + 3; y++) {
          for (let x = column - 3; x <= column + 3; x++) {
            const at = (reflect(y, height) * width + reflect(x, width)) * bands;
            for (const band of some) expected.push(toy.values[at + band]!);
          }
        }
        const length = side * side * some.length;
        assert.deepEqual([...batch.scores.subarray(i * length, (i + 1) * length)], expected, String(pixel));
      }
    }
    assert.equal(next, pixels.length);
  }
});

test('bands that the scene calls bad are left out, and training pixels that would not fit memory are refused', () => {
  assert.equal(usableBands(scene).length, toy.bands);
  const goodBands = Array.from({ length: toy.bands }, (_, band) => band % 4 !== 0);
  assert.deepEqual(usableBands({ ...scene, raster: { ...scene.raster!, goodBands } }).slice(0, 4), [1, 2, 3, 5]);
  const shape = { side: 7, bands: Array.from({ length: 200 }, (_, band) => band) };
  checkSpectra(27_000, shape);
  assert.throws(() => checkSpectra(28_000, shape), hasCode('FIELD_INVALID', /28000 pixels are more than 27/));
  const raster = { ...scene.raster!, height: 1000, width: 1300 };
  checkWholeScene({ raster }, 200);
  assert.throws(
    () => checkWholeScene({ raster: { ...raster, width: 1400 } }, 200),
    hasCode('FIELD_INVALID', /1400000 pixels are more than 1342177/),
  );
});

test('SpectralFormer sees what lies in a band that the components leave out', async () => {
  const random = new Random(7);
  const bands = 20;
  const values = new Float32Array(toy.height * toy.width * bands);
  for (let pixel = 0; pixel < toy.height * toy.width; pixel++) {
    const material = Math.floor((3 * (pixel % toy.width)) / toy.width);
    for (let band = 0; band < bands; band++) {
      values[pixel * bands + band] = band === 9 ? 100 + 2 * material + 0.3 * random.normal() : 400 * random.uniform();
    }
  }
  const raster = npy([toy.height, toy.width, bands], values);
  await prepare(services, { name: 'hidden' }, raster, npy([toy.height, toy.width], toy.labels));
  const request = { scene: 'hidden', adapter: '' };
  const neighbours = await train(services, { ...request, method: 'knn' }, {});
  assert.ok(neighbours.metrics!.overallAccuracy < 0.6, 'the components do not tell the classes apart');
  const { metrics } = await train(services, { ...request, method: 'spectralformer' }, { epochs: '60' });
  assert.ok(metrics!.overallAccuracy > 0.8, String(metrics!.overallAccuracy));
});
