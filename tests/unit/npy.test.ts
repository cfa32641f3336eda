import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readNpy, writeNpy } from '@hyperswap/raster';
import { hasCode } from '../support/errors.js';

test('a written array reads back as it was', () => {
  const values = Float32Array.from({ length: 24 }, (_, i) => i / 3);
  assert.deepEqual(readNpy('x.npy', writeNpy({ shape: [2, 3, 4], values })), { shape: [2, 3, 4], values });
});

test('a column-major array reads in row-major order', () => {
  const rowMajor = writeNpy({ shape: [2, 3], values: Uint8Array.from([1, 4, 2, 5, 3, 6]) });
  const text = Buffer.from(rowMajor).toString('latin1').replace("'fortran_order': False", "'fortran_order': True ");
  assert.deepEqual([...readNpy('x.npy', Buffer.from(text, 'latin1')).values], [1, 2, 3, 4, 5, 6]);
});

test('a file cut off anywhere is refused with the file named', () => {
  const file = writeNpy({ shape: [4, 4], values: new Uint16Array(16) });
  for (let length = 0; length < file.byteLength; length++) {
    assert.throws(() => readNpy('cut.npy', file.subarray(0, length)), hasCode('FILE_FORMAT', /cut\.npy/));
  }
});

test('an array of objects is refused', () => {
  const header = `{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n`;
  const file = Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
    Buffer.from([header.length, 0]),
    Buffer.from(header),
  ]);
  assert.throws(() => readNpy('objects.npy', file), hasCode('FILE_FORMAT'));
});
