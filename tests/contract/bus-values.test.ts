/** Values: lists, pages, changes by compare-and-swap, watches, and damaged ones. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { ValuePage } from '@hyperswap/messaging';
import { busPlaces, fresh } from '../support/bus-places.js';
import { hasCode } from '../support/errors.js';

for (const [name, { place: makePlace, spoil, skip }] of Object.entries(busPlaces)) {
  describe(`values of the bus: ${name}`, { skip }, () => {
    test('a key that is deleted is gone for every connection', async () => {
      const open = await makePlace();
      const [one, other] = [await open(), await open()];
      const bucket = fresh('state');
      const [mine, theirs] = [one.keyValue<number>(bucket), other.keyValue<number>(bucket)];
      await mine.update('kept', 1, 0);
      await mine.update('gone', 1, await mine.update('gone', 2, 0));
      await theirs.delete('gone');
      await theirs.delete('never-there');
      for (const state of [mine, theirs]) {
        assert.equal(await state.get('gone'), undefined);
        assert.deepEqual(
          (await state.list()).map(({ key }) => key),
          ['kept'],
        );
      }
      await Promise.all([one.close(), other.close()]);
    });

    test('state is listed whole, by key', async () => {
      const bus = await (await makePlace())();
      const state = bus.keyValue<number>(fresh('state'));
      assert.deepEqual(await state.list(), []);
      for (const [index, key] of ['b.c', 'a', 'b'].entries()) await state.update(key, index, 0);
      assert.deepEqual(
        (await state.list()).map(({ key, value }) => `${key}=${value}`),
        ['a=1', 'b=2', 'b.c=0'],
      );
      await bus.close();
    });

    test('state is read in pages by key, watched or not', async () => {
      const open = await makePlace();
      const [bus, other] = [await open(), await open()];
      const bucket = fresh('state');
      const [state, theirs] = [bus.keyValue<number>(bucket), other.keyValue<number>(bucket)];
      const keys = Array.from({ length: 23 }, (_, index) => `k${String((index * 7) % 23).padStart(2, '0')}`);
      for (const isWatched of [false, true]) {
        const stop = isWatched ? state.watch(() => undefined) : undefined;
        for (const [index, key] of keys.entries()) await theirs.update(key, index, 0);
        await theirs.delete('k05');
        const found: string[] = [];
        for (let from: string | undefined = ''; from !== undefined;) {
          const { entries, damaged, next }: ValuePage<number> = await state.page(from, 5);
          assert.ok(entries.length <= 5);
          assert.deepEqual(damaged, []);
          found.push(...entries.map(({ key, value }) => `${key}=${value}`));
          from = next;
        }
        const expected = keys.map((key, index) => `${key}=${index}`).filter((entry) => !entry.startsWith('k05'));
        assert.deepEqual(found, expected.sort());
        // A page may begin between keys, and after the last.
        assert.equal((await state.page('k05', 1)).entries[0]!.key, 'k06');
        assert.deepEqual(await state.page('l', 3), { entries: [], damaged: [], next: undefined });
        for (const key of keys) await theirs.delete(key);
        stop?.();
      }
      await Promise.all([bus.close(), other.close()]);
    });

    test('state changes by compare-and-swap: of many writers of one revision one wins', async () => {
      const open = await makePlace();
      const buses = [await open(), await open()];
      const bucket = fresh('state');
      const [a, b] = buses.map((bus) => bus.keyValue<number>(bucket));
      assert.equal(await a!.get('k'), undefined);
      assert.equal(await a!.update('k', 0, 0), 1);
      const writes = await Promise.allSettled(
        Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? a! : b!).update('k', i, 1)),
      );
      assert.equal(writes.filter(({ status }) => status === 'fulfilled').length, 1);
      const winner = writes.findIndex(({ status }) => status === 'fulfilled');
      assert.deepEqual(await b!.get('k'), { key: 'k', value: winner, revision: 2 });
      await assert.rejects(a!.update('k', 9, 1), hasCode('REVISION_STALE', /k changed after revision 1/));
      await assert.rejects(a!.update('new', 9, 5), hasCode('REVISION_STALE'));
      for (const bus of buses) await bus.close();
    });

    test('two hundred changes from two sides lose none', async () => {
      const open = await makePlace();
      const buses = [await open(), await open()];
      const bucket = fresh('state');
      await Promise.all(
        buses.map(async (bus) => {
          const state = bus.keyValue<number>(bucket);
          for (let done = 0; done < 100;) {
            const current = await state.get('counter');
            done += await state.update('counter', (current?.value ?? 0) + 1, current?.revision ?? 0).then(
              () => 1,
              () => 0,
            );
          }
        }),
      );
      assert.equal((await buses[0]!.keyValue<number>(bucket).get('counter'))!.value, 200);
      for (const bus of buses) await bus.close();
    });

    test('a watcher sees later changes of its own and of other connections', async () => {
      const open = await makePlace();
      const [own, other] = [await open(), await open()];
      const bucket = fresh('state');
      const seen: string[] = [];
      const stop = own.keyValue<number>(bucket).watch(({ key, value }) => seen.push(`${key}=${value}`));
      await setTimeout(500);
      await own.keyValue<number>(bucket).update('a', 1, 0);
      await other.keyValue<number>(bucket).update('b', 2, 0);
      for (let i = 0; i < 40 && seen.length < 2; i++) await setTimeout(50);
      assert.deepEqual(seen.sort(), ['a=1', 'b=2']);
      stop();
      await own.close();
      await other.close();
    });

    test('a list holds what another connection wrote or deleted a moment ago, watched or not', async () => {
      const open = await makePlace();
      const [own, other] = [await open(), await open()];
      const bucket = fresh('state');
      const [mine, theirs] = [own.keyValue<number>(bucket), other.keyValue<number>(bucket)];
      for (const isWatched of [false, true]) {
        const stop = isWatched ? mine.watch(() => undefined) : undefined;
        for (let n = 1; n <= 50; n++) {
          const key = `${isWatched}-${n % 5}`;
          await theirs.update(key, n, (await theirs.get(key))?.revision ?? 0);
          assert.equal((await mine.list()).find((entry) => entry.key === key)?.value, n);
        }
        await theirs.delete(`${isWatched}-0`);
        const keys = (await mine.list()).map(({ key }) => key).filter((key) => key.startsWith(String(isWatched)));
        assert.deepEqual(
          keys,
          [1, 2, 3, 4].map((n) => `${isWatched}-${n}`),
        );
        stop?.();
      }
      await own.close();
      await other.close();
    });

    test('a value that cannot be read is reported once, left out of lists and news, and can be deleted or replaced', async () => {
      const reported: string[] = [];
      const open = await makePlace((damaged) => reported.push(`${damaged.key}: ${damaged.reason}`));
      const [bus, other] = [await open(), await open()];
      const bucket = fresh('state');
      const even = (stored: unknown): number => {
        if (typeof stored === 'number' && stored % 2 === 0) return stored;
        throw new Error(`${String(stored)} is not even`);
      };
      const raw = other.keyValue<unknown>(bucket);
      for (const [index, key] of ['a', 'b', 'c', 'd'].entries()) await raw.update(key, index, 0);
      const state = bus.keyValue<number>(bucket, even);
      const values = async (): Promise<string[]> => (await state.list()).map(({ key, value }) => `${key}=${value}`);
      assert.deepEqual(await values(), ['a=0', 'c=2']);
      assert.deepEqual(await values(), ['a=0', 'c=2']);
      const page = await state.page('', 10);
      assert.deepEqual(
        [page.entries.map(({ key }) => key), page.damaged],
        [
          ['a', 'c'],
          ['b', 'd'],
        ],
      );
      assert.equal(reported.length, 2);
      assert.match(reported[0]!, /^b: .*1 is not even/);
      assert.match(reported[1]!, /^d: .*3 is not even/);
      await assert.rejects(state.get('b'), hasCode('OBJECT_DAMAGED', new RegExp(`${bucket}/b .*1 is not even`)));
      const { revision } = (await raw.get('b'))!;
      await assert.rejects(state.update('b', 5, revision), hasCode('FIELD_INVALID', /5 is not even/));
      await assert.rejects(state.update('b', Number.NaN, revision), hasCode('FIELD_INVALID', /null is not even/));
      const news: string[] = [];
      const stop = state.watch(({ key, value }) => news.push(`${key}=${value}`));
      await setTimeout(500);
      await state.update('b', 4, revision);
      await state.delete('d');
      assert.deepEqual(await values(), ['a=0', 'b=4', 'c=2']);
      await state.update('d', 6, 0);
      await raw.update('e', 7, 0);
      await raw.update('f', 8, 0);
      assert.deepEqual(await values(), ['a=0', 'b=4', 'c=2', 'd=6', 'f=8']);
      for (let i = 0; i < 40 && news.length < 3; i++) await setTimeout(50);
      assert.deepEqual(news.sort(), ['b=4', 'd=6', 'f=8']);
      stop();
      await Promise.all([bus.close(), other.close()]);
    });

    test('what others left in a bucket that is no JSON or no key spoils neither lists nor news', async () => {
      const reported: string[] = [];
      const open = await makePlace((damaged) => reported.push(damaged.key));
      const bus = await open();
      const bucket = fresh('state');
      const state = bus.keyValue<number>(bucket);
      for (const key of ['a', 'b']) await state.update(key, 1, 0);
      const news: string[] = [];
      const stop = state.watch(({ key }) => news.push(key));
      await spoil(bucket);
      await setTimeout(1000);
      for (let list = 0; list < 2; list++) {
        assert.deepEqual(
          (await state.list()).map(({ key }) => key),
          ['a'],
        );
      }
      assert.deepEqual(reported, ['b']);
      await assert.rejects(state.get('b'), hasCode('OBJECT_DAMAGED', new RegExp(`${bucket}/b`)));
      await state.update('c', 2, 0);
      for (let i = 0; i < 40 && news.length === 0; i++) await setTimeout(50);
      assert.deepEqual(news, ['c']);
      await state.delete('b');
      assert.equal(
        await state
          .update('b', 3, 0)
          .then(() => state.get('b'))
          .then((entry) => entry!.value),
        3,
      );
      stop();
      await bus.close();
    });
  });
}
