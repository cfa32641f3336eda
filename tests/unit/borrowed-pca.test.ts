/** Scenes that take the PCA of another scene of the same sensor. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '@hyperswap/random';
import { PreparedScene } from '@hyperswap/scene';
import { hasCode } from '../support/errors.js';
import { MemoryStore } from '../support/memory-store.js';
import { writeScene, type TestScene } from '../support/scenes.js';

const bands = 5;
const wavelengths = [400, 500, 600, 700, 800];

function pixels(seed: number, offset: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: 8 * 9 * bands }, (_, i) => offset + (1 + (i % bands)) * random.normal());
}

function scene(name: string, more: Partial<TestScene> = {}): TestScene {
  return { name, height: 8, width: 9, bands, values: pixels(1, 10), components: 3, raster: { wavelengths }, ...more };
}

test('a scene with the PCA of another has its digest, and scores that are projections on it', async () => {
  const store = new MemoryStore();
  const first = await writeScene(store, scene('first'));
  const values = pixels(2, 12);
  const second = await writeScene(store, scene('second', { values, pcaOf: 'first' }));
  const own = await writeScene(store, scene('own', { values }));
  assert.equal(second.pcaDigest, first.pcaDigest);
  assert.notEqual(own.pcaDigest, first.pcaDigest);
  assert.notEqual(second.sourceDigest, own.sourceDigest);
  const { mean, components } = await (await PreparedScene.open(store, 'first')).readPca();
  const prepared = await PreparedScene.open(store, 'second');
  const scores = await prepared.readWindow({ row: 0, column: 0, height: 8, width: 9 }, 0);
  const projected = Array.from({ length: 8 * 9 * 3 }, (_, i) => {
    const [pixel, component] = [Math.floor(i / 3), i % 3];
    return wavelengths.reduce(
      (sum, __, band) => sum + (values[pixel * bands + band]! - mean[band]!) * components[component * bands + band]!,
      0,
    );
  });
  projected.forEach((score, i) => assert.ok(Math.abs(score - scores[i]!) < 1e-4, `score ${i}`));
  // Shares of this scene's variance, of which its own components explain the most.
  const varianceOf = (component: number): number => {
    const all = projected.filter((_, i) => i % 3 === component);
    const center = all.reduce((sum, score) => sum + score, 0) / all.length;
    return all.reduce((sum, score) => sum + (score - center) ** 2, 0) / all.length;
  };
  const shares = second.explainedVarianceRatio;
  assert.ok(Math.abs(shares[0]! / shares[1]! - varianceOf(0) / varianceOf(1)) < 0.01);
  assert.ok(shares[0]! > 0.2 && shares[0]! <= own.explainedVarianceRatio[0]! + 0.03);
});

test('a PCA of other bands, wavelengths, scale, or of bands that are bad here, is refused', async () => {
  const store = new MemoryStore();
  await writeScene(store, scene('first'));
  const refuse = async (more: Partial<TestScene>, message: RegExp): Promise<void> => {
    await assert.rejects(
      writeScene(store, scene('other', { pcaOf: 'first', ...more })),
      hasCode('FIELD_INVALID', message),
    );
  };
  const four = { bands: 4, values: pixels(1, 10).slice(0, 8 * 9 * 4), raster: {} };
  await refuse(four, /pca_of: scene first has 5 bands, this one 4/);
  const shifted = wavelengths.map((wavelength) => wavelength + 5);
  await refuse({ raster: { wavelengths: shifted } }, /5 bands \(400, .*5 bands \(405, /);
  await refuse({ raster: { wavelengths, scale: 0.0001 } }, /the scale 1, this one 0.0001/);
  const goodBands = [true, true, false, true, true];
  await refuse({ raster: { wavelengths, goodBands } }, /uses band 3, which is bad in this scene/);
  await assert.rejects(writeScene(store, scene('other', { pcaOf: 'none' })), hasCode('SCENE_NOT_FOUND', /none/));
  // A band that the PCA leaves out may be bad.
  await writeScene(store, scene('third', { raster: { wavelengths, goodBands } }));
  await writeScene(store, scene('fourth', { raster: { wavelengths, goodBands }, pcaOf: 'third' }));
});
