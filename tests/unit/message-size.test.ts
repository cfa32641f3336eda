import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultMessageBytes, rowPieces, rowsPerMessage } from '@hyperswap/rpc';

test('pieces hold whole rows, stay under the default message size, and together are the content', () => {
  const rowBytes = 1000;
  const content = new Uint8Array(10_000 * rowBytes).map((_, place) => place % 251);
  const pieces = [...rowPieces(content, rowBytes)];
  assert.ok(pieces.length > 1);
  let next = 0;
  for (const { first, count, bytes } of pieces) {
    assert.equal(first, next);
    assert.equal(bytes.byteLength, count * rowBytes);
    assert.ok(bytes.byteLength <= defaultMessageBytes);
    next += count;
  }
  assert.equal(next, 10_000);
  assert.deepEqual(Buffer.concat(pieces.map(({ bytes }) => bytes)), Buffer.from(content));
});

test('a row that is larger than a message comes alone', () => {
  assert.equal(rowsPerMessage(defaultMessageBytes + 1), 1);
  assert.equal(rowsPerMessage(defaultMessageBytes), 1);
  assert.equal(rowsPerMessage(defaultMessageBytes / 2), 2);
  const pieces = [...rowPieces(new Uint8Array(2 * (defaultMessageBytes + 1)), defaultMessageBytes + 1)];
  assert.deepEqual(
    pieces.map(({ first, count }) => [first, count]),
    [
      [0, 1],
      [1, 1],
    ],
  );
});

test('no rows are no pieces', () => {
  assert.deepEqual([...rowPieces(new Uint8Array(0), 4)], []);
});
