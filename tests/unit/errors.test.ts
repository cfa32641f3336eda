import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import {
  catalogue,
  failure,
  HyperswapError,
  restoreError,
  serializeError,
  shorten,
  type ErrorCode,
  type SerializedError,
} from '@hyperswap/errors';

test('an error keeps its details, and its code gives them their types', () => {
  const error: unknown = failure('TILE_BYTES', { tile: 'a', found: 3, wanted: 4, shape: 'one pixel' });
  assert.ok(HyperswapError.is(error, 'TILE_BYTES'));
  assert.equal(error.details.wanted - error.details.found, 1);
  assert.equal(HyperswapError.is(error, 'TILE_HALO'), false);
  assert.ok(HyperswapError.is(error, 'TILE_HALO', 'TILE_BYTES'));
  assert.equal(HyperswapError.is(new Error('TILE_BYTES'), 'TILE_BYTES'), false);
});

test('details survive postMessage', async () => {
  const { port1, port2 } = new MessageChannel();
  const received = new Promise<SerializedError>((resolve) => port2.once('message', resolve));
  port1.postMessage(serializeError(failure('REVISION_STALE', { key: 'adapters/a', expected: 7 })));
  const error = restoreError(await received);
  port1.close();
  assert.ok(HyperswapError.is(error, 'REVISION_STALE'));
  assert.deepEqual(error.details, { key: 'adapters/a', expected: 7 });
  assert.match(error.message, /adapters\/a changed after revision 7/);
});

test('details survive JSON, and numbers that travelled as text become numbers again', () => {
  const error = restoreError({
    code: 'TOO_FEW_BANDS',
    message: 'm',
    details: { scene: 's', bands: '5', components: 12 },
  });
  assert.deepEqual(error.details, { scene: 's', bands: 5, components: 12 });
  const older = restoreError({ code: 'TOO_FEW_BANDS', message: 'what an older version stored' });
  assert.deepEqual(older.details, { scene: '', bands: Number.NaN, components: Number.NaN });
  assert.equal(older.message, 'what an older version stored');
});

test('a code of a newer version stays readable', () => {
  const error = restoreError({ code: 'MOON_PHASE', message: 'The moon is full.' });
  assert.ok(HyperswapError.is(error, 'SERVICE_ERROR'));
  assert.equal(error.details.code, 'MOON_PHASE');
  assert.match(error.message, /The moon is full\..*MOON_PHASE/);
  assert.equal(restoreError({ code: 'constructor', message: 'm' }).code, 'SERVICE_ERROR');
});

test('a sentence shows at most 200 characters of what a caller sent, and the error keeps all of it', () => {
  const long = 'x'.repeat(2_000_000);
  const error = failure('TILE_HALO', { tile: long, reason: 'its window is missing or empty' });
  assert.ok(error.message.length < 300, String(error.message.length));
  assert.match(error.message, /x{100}…x{60}/);
  assert.match(error.message, /its window is missing or empty/);
  assert.equal(error.details.tile, long);
  const { details } = serializeError(error);
  assert.ok(String(details?.tile).length <= 200);
});

test('a detail that is a sentence itself ends with one full stop', () => {
  const reason = failure('SCENE_NOT_FOUND', { scene: 's' }).message;
  const { message } = failure('ADAPTER_INVALID', { file: 'a.bin', reason });
  assert.doesNotMatch(message, /\.\./);
  assert.match(failure('STORE_UNREACHABLE', { reason: 'waiting...' }).message, /waiting\.{3}/);
});

test('control characters are visible, and no character is cut in two', () => {
  assert.equal(shorten('a\u001b[31m\r\nb\u202e\ud800'), 'a\\u001b[31m\\u000d\\u000ab\\u202e\\ud800');
  const faces = shorten('😀'.repeat(500));
  assert.equal(Array.from(faces).length, 200);
  assert.doesNotMatch(faces, /\p{Cs}/u);
  assert.equal(shorten('\u0000'.repeat(1_000_000)).length, 200);
  assert.equal(shorten('b'.repeat(200)), 'b'.repeat(200));
  assert.match(shorten(`/very/${'long/'.repeat(100)}scene.mat`), /^\/very\/.*….*scene\.mat$/);
  assert.equal(shorten('c'.repeat(201), 25).length, 25);
});

test('whether and when a retry helps follows from code and details', () => {
  assert.equal(
    failure('QUEUE_FULL', { waiting: 1, limit: 1, unit: 'patches', retryAfterMilliseconds: 40 }).retryAfterMilliseconds,
    40,
  );
  assert.equal(restoreError({ code: 'QUEUE_FULL', message: 'of an older version' }).retryable, true);
  assert.equal(failure('STORE_UNREACHABLE', { reason: 'r' }).retryable, true);
  assert.equal(failure('SCENE_NOT_FOUND', { scene: 's' }).retryable, false);
  assert.equal(failure('FIELD_INVALID', { field: 'page_size', reason: 'r' }).field, 'page_size');
  assert.equal(failure('METHOD_SETTINGS', { method: 'lora', reason: 'r' }).field, 'settings');
});

test('sentences are whole, and leave flags, commands and variables to the command line', () => {
  for (const [code, { kinds }] of Object.entries(catalogue)) {
    const details = Object.entries(kinds).map(([name, kind]) => [name, kind === 'number' ? 7 : name] as const);
    const { message } = failure(code as ErrorCode, Object.fromEntries<string | number>(details) as never);
    assert.doesNotMatch(message, /--[a-z]|hyperswap [a-z]|\b[A-Z0-9]+_(HOME|KEY|URL|FILE|BUCKET)|make [a-z]+"/, code);
    if (code !== 'SERVICE_ERROR') assert.match(message, /^[A-Za-z7].*(\.|mend)$/s, code);
  }
});
