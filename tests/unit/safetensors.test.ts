import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  inMemory,
  readSafetensors,
  SafetensorsError,
  tensorsDigest,
  writeSafetensors,
  type NamedTensor,
} from '@hyperswap/safetensors';

const tensors = new Map([
  ['b', { shape: [2, 2], values: Float32Array.from([1, -2.5, 3e-5, 65504]) }],
  ['a', { shape: [3], values: Float32Array.from([0, 0.5, -1]) }],
]);

const digest = (given: ReadonlyMap<string, NamedTensor>): string => tensorsDigest(inMemory(given));

test('a file reads back, from a buffer at any offset', () => {
  const file = writeSafetensors({ tensors, metadata: { made: 'here' } });
  const shifted = Buffer.concat([Buffer.alloc(3), file]).subarray(3);
  const { tensors: read, metadata } = readSafetensors(shifted);
  assert.deepEqual(metadata, { made: 'here' });
  assert.deepEqual(read.get('a'), tensors.get('a'));
  assert.deepEqual(read.get('b'), tensors.get('b'));
});

test('half precision rounds to nearest and keeps what it can hold', () => {
  const values = Float32Array.from([1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 6e-8, 65504, -0.1]);
  const file = writeSafetensors({ tensors: new Map([['x', { shape: [6], values }]]), metadata: {} }, 'F16');
  const read = [...readSafetensors(file).tensors.get('x')!.values];
  assert.deepEqual(read.slice(0, 5), [1, 1, 1 + 2 ** -9, 2 ** -24, 65504]);
  assert.ok(Math.abs(read[5]! + 0.1) < 1e-4);
});

test('the digest names values, not the way they are stored', () => {
  const file = writeSafetensors({ tensors, metadata: {} });
  assert.equal(digest(readSafetensors(file).tensors), digest(new Map([...tensors].reverse())));
  const other = new Map(tensors).set('a', { shape: [1, 3], values: tensors.get('a')!.values });
  assert.notEqual(digest(other), digest(tensors));
});

test('a file cut off at any byte is refused', () => {
  const file = writeSafetensors({ tensors, metadata: {} });
  for (let length = 0; length < file.byteLength; length++) {
    assert.throws(() => readSafetensors(file.subarray(0, length)), SafetensorsError);
  }
});

test('overlaps, gaps, wrong sizes and strange types are refused by name', () => {
  const make = (header: unknown, bytes: number): Uint8Array => {
    const json = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.byteLength));
    return Buffer.concat([length, json, Buffer.alloc(bytes)]);
  };
  const entry = (start: number, end: number, shape = [(end - start) / 4], dtype = 'F32'): unknown => ({
    dtype,
    shape,
    data_offsets: [start, end],
  });
  assert.throws(() => readSafetensors(make({ a: entry(0, 8), b: entry(4, 12) }, 12)), /gap or overlaps/);
  assert.throws(() => readSafetensors(make({ a: entry(0, 4), b: entry(8, 12) }, 12)), /gap or overlaps/);
  assert.throws(() => readSafetensors(make({ a: entry(0, 8, [3]) }, 8)), /needs 12 bytes/);
  assert.throws(() => readSafetensors(make({ a: entry(0, 8, [1], 'I64') }, 8)), /type "I64"/);
  assert.throws(() => readSafetensors(make({ a: entry(0, 8, [-2]) }, 8)), /no valid shape/);
  assert.throws(() => readSafetensors(make({ a: entry(0, 80) }, 8)), /past the end/);
  assert.throws(() => readSafetensors(make({}, 8)), /belong to no tensor/);
});
