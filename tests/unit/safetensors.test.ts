import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  atOnce,
  inMemory,
  readSafetensors,
  SafetensorsError,
  tensorsDigest,
  writeSafetensors,
  type NamedTensor,
} from '@hyperswap/safetensors';
import { peakMemory } from '../support/memory.js';

const tensors = new Map([
  ['b', { shape: [2, 2], values: Float32Array.from([1, -2.5, 3e-5, 65504]) }],
  ['a', { shape: [3], values: Float32Array.from([0, 0.5, -1]) }],
]);

const digest = (given: ReadonlyMap<string, NamedTensor>): string => atOnce(tensorsDigest(inMemory(given)));

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

/** A file of nothing but a header. */
function headerOnly(json: string): Uint8Array {
  const bytes = Buffer.from(json);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.byteLength));
  return Buffer.concat([length, bytes]);
}

test('a header larger than allowed is refused before it is parsed', () => {
  const file = writeSafetensors({ tensors, metadata: { note: 'x'.repeat(2000) } });
  assert.equal(readSafetensors(file).metadata.note!.length, 2000);
  assert.throws(() => readSafetensors(file, { maximumHeaderBytes: 1000 }), /more than the 1000 allowed/);
  assert.throws(() => readSafetensors(headerOnly(`{${' '.repeat(5_000_000)}}`)), /more than the 4194304 allowed/);
});

test('a header that nests deeper than tensors do, or describes them otherwise, is refused', () => {
  assert.throws(() => readSafetensors(headerOnly('{"a":[[[]]]}')), /nests more than 3 levels/);
  assert.throws(() => readSafetensors(headerOnly('{"a":{"shape":[[1]]}}')), /nests more than 3 levels/);
  assert.throws(() => readSafetensors(headerOnly('{"a":{"dtype":"F32"}')), /is not JSON/);
  const described = (more: object): Uint8Array =>
    headerOnly(JSON.stringify({ a: { dtype: 'F32', shape: [0], data_offsets: [0, 0], ...more } }));
  assert.throws(() => readSafetensors(described({ extra: 1 })), /tensor a is not described by/);
  assert.throws(() => readSafetensors(described({ shape: [0, 1, 1, 1, 1, 1, 1, 1, 1] })), /no valid shape/);
  const name = 'n'.repeat(257);
  assert.throws(() => readSafetensors(headerOnly(JSON.stringify({ [name]: {} }))), /257 characters/);
  // Brackets and quotes inside names and metadata are text.
  const odd = new Map([['a[{"\\', { shape: [1], values: Float32Array.of(1) }]]);
  const metadata = { 'k"': '[[[[{{{{\\"' };
  assert.deepEqual(readSafetensors(writeSafetensors({ tensors: odd, metadata })), { tensors: odd, metadata });
});

test('a hostile header of 40 MB costs no more memory than its bytes', async () => {
  const makers = {
    nested: `'{"a":' + '['.repeat(20e6) + ']'.repeat(20e6) + '}'`,
    objects: `'{"a":[' + '{},'.repeat(13e6) + '{}]}'`,
    withinLimit: `'{"a":' + '['.repeat(2e6) + ']'.repeat(2e6) + '}'`,
  };
  for (const [kind, json] of Object.entries(makers)) {
    const { mebibytes, printed } = await peakMemory(`
      import { readSafetensors } from '@hyperswap/safetensors';
      const json = Buffer.from(${json});
      const file = Buffer.alloc(8 + json.byteLength);
      file.writeBigUInt64LE(BigInt(json.byteLength));
      json.copy(file, 8);
      try { readSafetensors(file); } catch (error) { console.log(error.message); }`);
    assert.match(printed, /nests more than|more than the 4194304 allowed/, kind);
    assert.ok(mebibytes < 300, `${kind}: ${mebibytes} MiB`);
  }
});
