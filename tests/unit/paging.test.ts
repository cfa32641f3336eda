import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scene } from '@hyperswap/proto';
import { pageOf } from '@hyperswap/rpc';

/** Size that a client with default settings receives at most. */
const clientBytes = 4 * 1024 * 1024;

const scene = (name: string, bytes: number): Scene => Scene.fromPartial({ name, attribution: 'x'.repeat(bytes) });
const listing = { keyOf: ({ name }: Scene) => name, toMessage: (one: Scene): Scene => one, codec: Scene };

/** Reads all pages. @returns names by page */
async function pages(all: readonly Scene[], pageSize: number): Promise<string[][]> {
  const found: string[][] = [];
  for (let pageToken = ''; ;) {
    const { page, nextPageToken } = await pageOf(all, listing, { pageSize, pageToken });
    const bytes = page.reduce((sum, one) => sum + Scene.encode(one).finish().byteLength, 0);
    assert.ok(bytes < clientBytes || page.length === 1, `a page has ${bytes} bytes`);
    found.push(page.map(({ name }) => name));
    if (nextPageToken === '') return found;
    pageToken = nextPageToken;
  }
}

test('a page ends where a client with default settings could not receive it; the next goes on there', async () => {
  const all = ['f', 'b', 'd', 'a', 'c', 'e', 'g'].map((name) => scene(name, 1024 * 1024));
  assert.deepEqual(await pages(all, 0), [['a', 'b', 'c'], ['d', 'e', 'f'], ['g']]);
  assert.deepEqual(await pages(all, 2), [['a', 'b'], ['c', 'd'], ['e', 'f'], ['g']]);
});

test('an item that is larger than a message has a page for itself, and the list goes on', async () => {
  const all = [scene('a', 10), scene('b', clientBytes + 1), scene('c', 10), scene('d', 10)];
  assert.deepEqual(await pages(all, 0), [['a'], ['b'], ['c', 'd']]);
});

test('pages of small items are bounded by their number, and an empty list has one page', async () => {
  const all = Array.from({ length: 250 }, (_, i) => scene(String(i).padStart(3, '0'), 10));
  assert.deepEqual(
    (await pages(all, 0)).map((names) => names.length),
    [100, 100, 50],
  );
  assert.deepEqual(
    (await pages(all, 125)).map((names) => names.length),
    [125, 125],
  );
  assert.deepEqual(await pages([], 0), [[]]);
});
