import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { readArray, readMat5 } from '@hyperswap/raster';
import { hasCode } from '../support/errors.js';
import { fixture } from '../support/fixtures.js';

test('arrays that scipy wrote, plain and compressed, read as numpy has them', async () => {
  for (const name of ['plain.mat', 'compressed.mat']) {
    const variables = readMat5(name, await readFile(fixture(name)));
    assert.deepEqual(variables.get('cube')?.shape, [2, 3, 4]);
    assert.deepEqual(
      [...variables.get('cube')!.values],
      Array.from({ length: 24 }, (_, i) => i),
    );
    assert.deepEqual([...variables.get('map')!.values], [0, 1, 2, 3, 4, 5]);
    assert.equal(variables.get('map')!.values.constructor.name, 'Uint8Array');
    assert.ok(!variables.has('text'));
  }
});

test('without a name the only array of three dimensions is the scene', async () => {
  const bytes = await readFile(fixture('plain.mat'));
  assert.deepEqual((await readArray('plain.mat', bytes, 3)).shape, [2, 3, 4]);
  await assert.rejects(readArray('plain.mat', bytes, 3, 'nothing'), hasCode('VARIABLE_MISSING', /cube \[2, 3, 4\]/));
});

test('a file cut off or altered anywhere is refused or read, never crashes', async () => {
  const bytes = await readFile(fixture('compressed.mat'));
  for (let length = 128; length < bytes.byteLength; length += 1) {
    try {
      readMat5('cut.mat', bytes.subarray(0, length));
    } catch (error) {
      assert.ok(hasCode('FILE_FORMAT', /cut\.mat/)(error));
    }
  }
  for (let place = 128; place < bytes.byteLength; place += 1) {
    const altered = Buffer.from(bytes);
    altered[place]! ^= 0xff;
    try {
      readMat5('altered.mat', altered);
    } catch (error) {
      assert.ok(hasCode('FILE_FORMAT')(error));
    }
  }
});

test('what is no scene file is refused with the formats named', async () => {
  await assert.rejects(
    readArray('notes.txt', Buffer.from('hello, this is text'), 3),
    hasCode('FILE_FORMAT', /notes\.txt.*NumPy/),
  );
  await assert.rejects(
    readArray('v73.mat', Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), 3),
    hasCode('FILE_FORMAT', /v7\.3/),
  );
});
