import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { bytesInMemory, openMat5, readWholeArray } from '@hyperswap/raster';
import { hasCode } from '../support/errors.js';
import { fixture } from '../support/fixtures.js';
import { readRaster } from '../support/rasters.js';

test('arrays that scipy wrote, plain and compressed, read as numpy has them', async () => {
  for (const name of ['plain.mat', 'compressed.mat']) {
    const variables = await openMat5(bytesInMemory(name, await readFile(fixture(name))));
    const cube = await readWholeArray(variables, 'cube');
    assert.deepEqual(cube.shape, [2, 3, 4]);
    assert.deepEqual(
      [...cube.values],
      Array.from({ length: 24 }, (_, i) => i),
    );
    assert.deepEqual((await readWholeArray(variables, 'map')).values, Uint8Array.from([0, 1, 2, 3, 4, 5]));
    assert.equal(variables.arrays.find((array) => array.name === 'text')?.note, 'text');
    await variables.close();
  }
});

test('without a name the only array of three dimensions is the scene', async () => {
  const { info, values } = await readRaster(fixture('plain.mat'));
  assert.deepEqual([info.height, info.width, info.bands, info.variable], [2, 3, 4, 'cube']);
  assert.deepEqual(
    [...values],
    Array.from({ length: 24 }, (_, i) => i),
  );
  await assert.rejects(
    readRaster(fixture('plain.mat'), { variable: 'nothing' }),
    hasCode('VARIABLE_MISSING', /cube \[2, 3, 4\]/),
  );
});

test('what is no scene file is refused with the formats named', async () => {
  await assert.rejects(
    readRaster('notes.txt', {}, Buffer.from('hello, this is text')),
    hasCode('FILE_FORMAT', /notes\.txt.*NumPy/),
  );
});
