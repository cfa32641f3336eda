/** Masks: pixels of a raster that another raster flags hold no data. */
import assert from 'node:assert/strict';
import { copyFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { openRaster, validPixels, writeNpy, type NumericArray, type ReadOptions } from '@hyperswap/raster';
import { hasCode } from '../support/errors.js';
import { labelFixture } from '../support/fixtures.js';
import { readRaster } from '../support/rasters.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const folder = await temporaryFolder('mask');
const place = (name: string): string => path.join(folder, name);
const write = (name: string, shape: number[], values: NumericArray): Promise<void> =>
  writeFile(place(name), writeNpy({ shape, values }));

/** Returns the pixels that hold data. */
async function validOf(file: string, options: ReadOptions): Promise<number[]> {
  const { info, values } = await readRaster(file, options);
  return [...validPixels(values, info)];
}

await write('mask.npy', [2, 2], Uint8Array.of(0, 1, 0, 255));
const mask = { file: place('mask.npy') };

test('pixels that a mask flags hold no data, in rasters of any type, with nodata and without', async () => {
  for (const [name, values] of [
    ['bytes.npy', Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)],
    ['whole.npy', Int16Array.of(1, 2, 3, 4, 5, 6, 7, 8)],
    ['float.npy', Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8)],
  ] as const) {
    await write(name, [2, 2, 2], values);
    const options: ReadOptions = { axes: 'bands-last', mask };
    assert.deepEqual(await validOf(place(name), options), [1, 0, 1, 0], name);
    assert.deepEqual(await validOf(place(name), { ...options, nodata: 7 }), [1, 0, 1, 0], name);
    assert.deepEqual([...(await readRaster(place(name), options)).values].slice(4, 6), [5, 6]);
  }
});

test('a window of chosen bands is masked alike', async () => {
  const raster = await openRaster(place('whole.npy'), { axes: 'bands-last', mask });
  const values = await raster.readWindow({ row: 1, column: 0, height: 1, width: 2 }, [1]);
  await raster.close();
  assert.deepEqual([...values], [6, -(2 ** 15)]);
});

test('a mask of another size is refused with both sizes', async () => {
  await write('other.npy', [3, 2], new Uint8Array(6));
  await assert.rejects(
    openRaster(place('whole.npy'), { axes: 'bands-last', mask: { file: place('other.npy') } }),
    hasCode('FIELD_INVALID', /--mask.*other\.npy has 3 × 2 pixels.*2 × 2/),
  );
});

test('the mask of EMIT L2A hides clouds, cirrus and spacecraft, not water; it is found beside the product', async () => {
  const [product, beside] = [place('EMIT_L2A_RFL_001_a.nc'), place('EMIT_L2A_MASK_001_a.nc')];
  await copyFile(labelFixture('emit.nc'), product);
  const hidden = Array.from({ length: 24 * 30 }, (_, pixel) =>
    pixel < 60 || [5 * 30 + 6, 6 * 30 + 7, 7 * 30 + 8].includes(pixel) ? 0 : 1,
  );
  const all = hidden.map(() => 1);
  assert.deepEqual(await validOf(product, {}), all);
  assert.deepEqual(await validOf(product, { mask: { file: labelFixture('emit_mask.nc') } }), hidden);
  await copyFile(labelFixture('emit_mask.nc'), beside);
  assert.deepEqual(await validOf(product, {}), hidden);
  assert.deepEqual(await validOf(product, { mask: 'none' }), all);
});
