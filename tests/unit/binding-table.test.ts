/** Bound adapters within a budget of bytes. The engine here records its requests; tests of maps use the real one. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { failure } from '@hyperswap/errors';
import type { AdapterRecord } from '@hyperswap/registry';
import { backboneConfigs } from '@hyperswap/spectralgpt';
import { createLogger } from '@hyperswap/telemetry';
import type { ProgramClient } from '@hyperswap/tensor';
import { BindingTable, type AdmittedAdapter, type TileProgram } from '@hyperswap/tile-inference';
import { hasCode } from '../support/errors.js';

/** Memory that each adapter turns out to need. */
const bytesOf: Readonly<Record<string, number>> = { a: 40, b: 40, c: 40, large: 90, huge: 250 };

/** Requests to the engine in order, for example `+a` and `-a`. */
let asked: string[];
let table: BindingTable;

const adapter = (digest: string): AdmittedAdapter => ({
  ...{ reference: `${digest}@1`, digest, patchSize: 5, bands: 12, pcaDigest: '', views: 1, wavelengths: [] },
  ...{ method: 'lora', pooling: 'mean', classes: 3, components: 12 },
});

beforeEach(() => {
  asked = [];
  const call = (method: string, { digest }: { readonly digest: string }): Promise<unknown> => {
    asked.push(`${method === 'bind' ? '+' : '-'}${digest}`);
    return Promise.resolve(bytesOf[digest]);
  };
  table = new BindingTable({
    registry: {
      admit: (reference) => Promise.resolve({ reference, digest: reference.split('@')[0]! }),
      resolve: (reference) =>
        Promise.resolve({ metadata: { ...adapter(reference), classes: [] } } as unknown as AdapterRecord),
      readBlob: (reference) =>
        reference === 'lost@1'
          ? Promise.reject(failure('OBJECT_DAMAGED', { key: reference, reason: 'it is missing' }))
          : Promise.resolve(Buffer.from(reference)),
    },
    engine: { call } as ProgramClient<TileProgram>,
    // The estimate of a loading adapter: 32 bytes, until the first one is loaded.
    backbone: {
      name: 'small',
      digest: 'small',
      config: { ...backboneConfigs.mini, depth: 1, width: 2 },
      precision: 'float32',
    },
    budgetBytes: 100,
    logger: createLogger('silent', 'test'),
  });
});

async function use(digest: string): Promise<void> {
  table.release(await table.acquire(adapter(digest)));
}

test('the adapter that was unused longest goes first when bytes are short, and comes back when it is asked for', async () => {
  for (const digest of ['a', 'b', 'a', 'c']) await use(digest);
  // 80 bytes fit, and 120 do not: b was used before a.
  assert.deepEqual(asked, ['+a', '+b', '-b', '+c']);
  await use('b');
  assert.deepEqual(asked.slice(4), ['-a', '+b']);
  assert.deepEqual(
    table.bound().map(({ digest }) => digest),
    ['c', 'b'],
  );
});

test('bytes count, not adapters: one that turns out large takes the place of two', async () => {
  for (const digest of ['a', 'b', 'large']) await use(digest);
  assert.deepEqual(asked, ['+a', '+b', '-a', '+large', '-b']);
  // Work larger than the budget is served alone.
  await use('huge');
  assert.deepEqual(asked.slice(5), ['-large', '+huge', '-huge']);
  assert.deepEqual(table.bound(), []);
});

test('an adapter in use stays; one for which there is no room waits until it is released', async () => {
  const [a, b] = [await table.acquire(adapter('a')), await table.acquire(adapter('b'))];
  const waiting = table.acquire(adapter('c'));
  const leaving = new AbortController();
  const impatient = table.acquire(adapter('large'), leaving.signal);
  for (let turn = 0; turn < 5; turn++) await setImmediate();
  assert.deepEqual(asked, ['+a', '+b']);
  leaving.abort();
  await assert.rejects(impatient, hasCode('CANCELLED'));
  table.release(b);
  table.release(await waiting);
  assert.deepEqual(asked, ['+a', '+b', '-b', '+c']);
  table.release(a);
});

test('a pinned adapter counts for nothing and stays, until it is unpinned', async () => {
  const pinned = await table.pin('large@1');
  for (const digest of ['a', 'b', 'c']) await use(digest);
  assert.deepEqual(asked, ['+large', '+a', '+b', '-a', '+c']);
  table.unpin(pinned);
  assert.deepEqual(asked.slice(5), ['-large']);
});

test('a load that fails is forgotten, takes no room, and is tried again', async () => {
  await use('a');
  for (let time = 0; time < 2; time++) await assert.rejects(use('lost'), hasCode('OBJECT_DAMAGED'));
  await use('b');
  assert.deepEqual(asked, ['+a', '+b']);
});
