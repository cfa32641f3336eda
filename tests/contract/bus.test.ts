import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { EmbeddedBus, NatsBus, type Bus, type DamageListener, type ValuePage } from '@hyperswap/messaging';
import { connect } from 'nats';
import { startCuttingProxy } from '../support/cut-connections.js';
import { hasCode } from '../support/errors.js';
import { hostileKeys } from '../support/hostile-strings.js';
import { serversMissing, startNats } from '../support/servers.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** Short, so that a lost item comes back while the test waits. */
const leaseMilliseconds = 1000;

/** Aborted after a while; unlike `AbortSignal.timeout` it keeps the process waiting. */
function abortedAfter(milliseconds: number): AbortSignal {
  const controller = new AbortController();
  void setTimeout(milliseconds).then(() => {
    controller.abort();
  });
  return controller.signal;
}

let nats: Awaited<ReturnType<typeof startNats>> | undefined;

after(() => nats?.stop());

interface Implementation {
  /** Reason to skip the implementation on this machine. */
  readonly skip?: string;
  /** Fresh store of the bus, and a function that opens one more connection to it. */
  readonly place: (onDamaged?: DamageListener) => Promise<() => Promise<Bus>>;
  /** Writes what is no JSON as the next revision of key `b` of a bucket, and values under names that are no keys. */
  readonly spoil: (bucket: string) => Promise<void>;
}

let directory = '';
const implementations: Record<string, Implementation> = {
  embedded: {
    place: async (onDamaged) => {
      const folder = await temporaryFolder('bus');
      directory = folder;
      // One process keeps its work in the directory; others share its state.
      let work: 'kept' | 'private' = 'kept';
      return () => {
        const bus = EmbeddedBus.open({ directory: folder, work, leaseMilliseconds, onDamaged });
        work = 'private';
        return bus;
      };
    },
    spoil: async (bucket) => {
      await writeFile(path.join(directory, bucket, 'b', '2.json'), '{"torn":');
      await writeFile(path.join(directory, bucket, '.DS_Store'), 'x');
      await mkdir(path.join(directory, bucket, 'Thumbs'));
      await writeFile(path.join(directory, bucket, 'Thumbs', '1.json'), '1');
    },
  },
  nats: {
    skip: serversMissing,
    // One server for all tests: names differ, so that data of one test does not affect the next.
    place: async (onDamaged) => {
      nats ??= await startNats();
      const { url } = nats;
      return () => NatsBus.open({ url, leaseMilliseconds, onDamaged });
    },
    spoil: async (bucket) => {
      const connection = await connect({ servers: nats!.url });
      const kv = await connection.jetstream().views.kv(`hyperswap-${bucket}`);
      await kv.put('b', '{"torn":');
      for (const key of ['Thumbs', 'a/b', '_']) await kv.put(key, '1');
      await connection.close();
    },
  },
};
let names = 0;
/** Unique name of a test. */
const fresh = (stem: string): string => `${stem}-${(names += 1)}`;

for (const [name, { place: makePlace, spoil, skip }] of Object.entries(implementations)) {
  describe(`bus: ${name}`, { skip }, () => {
    test('a work item goes to one worker, and a second publication of its id to none', async () => {
      const bus = await (await makePlace())();
      const queue = bus.workQueue<number>(fresh('work'));
      await queue.publish(1, 'one');
      await queue.publish(1, 'one');
      await queue.publish(2, 'two');
      const signal = abortedAfter(1000);
      const items = await Promise.all([queue.pull(signal), queue.pull(signal), queue.pull(signal)]);
      assert.deepEqual(items.map((item) => item?.content).sort(), [1, 2, undefined]);
      await bus.close();
    });

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

    test('an item given back comes again and counts its deliveries; one acknowledged does not', async () => {
      const bus = await (await makePlace())();
      const queue = bus.workQueue<string>(fresh('work'));
      await queue.publish('x', 'x');
      const first = await queue.pull(abortedAfter(5000));
      await first!.giveBack();
      const second = await queue.pull(abortedAfter(5000));
      assert.deepEqual([first!.deliveries, second!.deliveries], [1, 2]);
      await second!.acknowledge();
      await second!.giveBack();
      assert.equal(await queue.pull(abortedAfter(500)), undefined);
      await bus.close();
    });

    test('an item given back with a pause comes again after it, and the queue knows what it holds', async () => {
      const bus = await (await makePlace())();
      const queue = bus.workQueue<string>(fresh('work'));
      for (const id of ['a.1', 'a.2', 'b.1']) await queue.publish(id, id);
      const held = async (): Promise<string[]> => [...(await queue.held('a'))].sort();
      assert.deepEqual(await held(), ['a.1', 'a.2']);
      const first = await queue.pull(abortedAfter(5000));
      const start = performance.now();
      await first!.giveBack(800);
      for (const id of ['a.2', 'b.1']) {
        const item = await queue.pull(abortedAfter(5000));
        assert.equal(item!.content, id, 'others go on meanwhile');
        await item!.acknowledge();
      }
      assert.deepEqual(await held(), ['a.1']);
      const again = await queue.pull(abortedAfter(5000));
      assert.deepEqual([again!.content, again!.deliveries], ['a.1', 2]);
      assert.ok(performance.now() - start >= 700);
      await again!.acknowledge();
      assert.deepEqual(await held(), []);
      await bus.close();
    });

    test('an item whose worker shows no sign of life comes back, one that does stays', async () => {
      const bus = await (await makePlace())();
      const queue = bus.workQueue<string>(fresh('work'));
      await queue.publish('lost', 'lost');
      await queue.pull(abortedAfter(5000));
      const again = await queue.pull(abortedAfter(5000));
      assert.deepEqual([again!.content, again!.deliveries], ['lost', 2]);
      for (let sign = 0; sign < 8; sign++) {
        await setTimeout(leaseMilliseconds / 4);
        await again!.working();
      }
      assert.equal(await queue.pull(abortedAfter(500)), undefined);
      await again!.acknowledge();
      await bus.close();
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

    test('no key leaves its bucket, whatever is done with it', async () => {
      const bus = await (await makePlace())();
      const state = bus.keyValue<number>(fresh('state'));
      const other = bus.keyValue<number>(fresh('other'));
      await other.update('x', 1, 0);
      const seen: string[] = [];
      const stop = state.watch(({ key }) => seen.push(key));
      for (const [kind, key] of Object.entries({ ...hostileKeys, 'two parts': 'a/b' })) {
        await assert.rejects(() => state.get(key), hasCode('NAME_INVALID'), `get of ${kind}`);
        for (const revision of [0, 1]) {
          await assert.rejects(() => state.update(key, 2, revision), hasCode('NAME_INVALID'), `update of ${kind}`);
        }
        await assert.rejects(() => state.delete(key), hasCode('NAME_INVALID'), `delete of ${kind}`);
      }
      assert.deepEqual(await state.list(), []);
      assert.deepEqual(await other.list(), [{ key: 'x', value: 1, revision: 1 }]);
      await state.update('a'.repeat(128), 1, 0);
      for (let i = 0; i < 40 && seen.length === 0; i++) await setTimeout(50);
      assert.deepEqual(seen, ['a'.repeat(128)]);
      stop();
      await bus.close();
    });

    test('no bucket, queue or subject has a name that means another place or several', async () => {
      const bus = await (await makePlace())();
      const queue = bus.workQueue<number>(fresh('work'));
      for (const [kind, name] of Object.entries({ ...hostileKeys, 'two parts': 'a/b' })) {
        assert.throws(() => bus.keyValue(name), hasCode('NAME_INVALID'), `bucket of ${kind}`);
        assert.throws(() => bus.workQueue(name), hasCode('NAME_INVALID'), `queue of ${kind}`);
        // Subjects and ids of items are never files.
        if (kind.startsWith('a device') || kind === 'too long') continue;
        await assert.rejects(() => queue.publish(1, name), hasCode('NAME_INVALID'), `item of ${kind}`);
        await assert.rejects(() => queue.held(name), hasCode('NAME_INVALID'), `group of ${kind}`);
        assert.throws(() => bus.events.subscribe(name, () => undefined), hasCode('NAME_INVALID'), `subject of ${kind}`);
        await assert.rejects(() => bus.events.publish(name, 1), hasCode('NAME_INVALID'), `subject of ${kind}`);
      }
      assert.equal(await queue.pull(abortedAfter(200)), undefined);
      await bus.close();
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

    test('events reach those who listen', async () => {
      const bus = await (await makePlace())();
      const heard: unknown[] = [];
      const stop = bus.events.subscribe('subject', (content) => heard.push(content));
      await bus.events.publish('subject', { n: 1 });
      await bus.events.publish('other', { n: 2 });
      for (let i = 0; i < 40 && heard.length === 0; i++) await setTimeout(25);
      stop();
      await bus.events.publish('subject', { n: 3 });
      await setTimeout(100);
      assert.deepEqual(heard, [{ n: 1 }]);
      await bus.close();
    });
  });
}

test('nats: an item that is no JSON is taken away, and the next is handed out', { skip: serversMissing }, async () => {
  nats ??= await startNats();
  const bus = await NatsBus.open({ url: nats.url, leaseMilliseconds });
  const name = fresh('work');
  const queue = bus.workQueue<number>(name);
  assert.equal(await queue.pull(abortedAfter(100)), undefined);
  const connection = await connect({ servers: nats.url });
  await connection.jetstream().publish(`hyperswap.work.${name}.item.torn.1`, '{"torn":');
  await queue.publish(2, 'two');
  assert.equal((await queue.pull(abortedAfter(5000)))?.content, 2);
  assert.deepEqual([...(await queue.held('torn'))], []);
  await connection.close();
  await bus.close();
});

test(
  'nats: a watcher goes on after a lost connection without reading all again',
  { skip: serversMissing },
  async () => {
    nats ??= await startNats();
    const proxy = await startCuttingProxy(nats.url.replace('nats://', ''), { connections: 0 });
    const other = await NatsBus.open({ url: nats.url });
    const bus = await NatsBus.open({ url: `nats://${proxy.endpoint}` });
    const bucket = fresh('state');
    const [state, theirs] = [bus.keyValue<string>(bucket), other.keyValue<string>(bucket)];
    await Promise.all(Array.from({ length: 500 }, (_, index) => theirs.update(`k${index}`, 'x'.repeat(1000), 0)));
    const news: string[] = [];
    const stop = state.watch(({ key }) => news.push(key));
    assert.equal((await state.list()).length, 500);
    const whole = proxy.received();
    assert.ok(whole > 500_000, `${whole} bytes`);
    assert.ok(whole < 1_200_000, `${whole} bytes: all values were read twice`);
    proxy.cutAll();
    await theirs.update('k7', 'y', (await theirs.get('k7'))!.revision);
    await theirs.delete('k8');
    await theirs.update('new', 'z', 0);
    for (let i = 0; i < 200 && news.length < 2; i++) await setTimeout(50);
    assert.deepEqual(news, ['k7', 'new']);
    const keys = (await state.list()).map(({ key }) => key);
    assert.ok(keys.length === 500 && keys.includes('new') && !keys.includes('k8'));
    assert.ok(proxy.received() - whole < 50_000, `${proxy.received() - whole} bytes after the connection was lost`);
    stop();
    await Promise.all([bus.close(), other.close()]);
    proxy.close();
  },
);

test(
  'nats: a copy that the server forgot to tell a change reads what is missing, not all',
  { skip: serversMissing },
  async () => {
    nats ??= await startNats();
    const proxy = await startCuttingProxy(nats.url.replace('nats://', ''), { connections: 0 });
    const other = await NatsBus.open({ url: nats.url });
    const bus = await NatsBus.open({ url: `nats://${proxy.endpoint}` });
    const bucket = fresh('state');
    const [state, theirs] = [bus.keyValue<string>(bucket), other.keyValue<string>(bucket)];
    await Promise.all(Array.from({ length: 500 }, (_, index) => theirs.update(`k${index}`, 'x'.repeat(1000), 0)));
    const news: string[] = [];
    const stop = state.watch(({ key }) => news.push(key));
    assert.equal((await state.list()).length, 500);
    const whole = proxy.received();
    const connection = await connect({ servers: nats.url });
    const manager = await connection.jetstreamManager();
    const stream = `KV_hyperswap-${bucket}`;
    for await (const { name } of manager.consumers.list(stream)) await manager.consumers.delete(stream, name);
    await theirs.update('k7', 'y', (await theirs.get('k7'))!.revision);
    assert.equal((await state.list()).find(({ key }) => key === 'k7')?.value, 'y');
    assert.deepEqual(news, ['k7']);
    assert.ok(proxy.received() - whole < 50_000, `${proxy.received() - whole} bytes for one change`);
    stop();
    await Promise.all([bus.close(), other.close(), connection.close()]);
    proxy.close();
  },
);

test('nats: a watcher begins anew when the server has lost its data', { skip: serversMissing }, async () => {
  const server = await startNats();
  const bus = await NatsBus.open({ url: server.url });
  const state = bus.keyValue<number>('state');
  const news: string[] = [];
  const stop = state.watch(({ key, value }) => news.push(`${key}=${value}`));
  assert.deepEqual(await state.list(), []);
  for (const [index, key] of ['a', 'b', 'c'].entries()) await state.update(key, index, 0);
  assert.equal((await state.list()).length, 3);
  await server.kill();
  await rm(server.directory, { recursive: true, force: true });
  await server.start();
  await state.update('b', 7, 0);
  for (let i = 0; i < 200 && !news.includes('b=7'); i++) await setTimeout(50);
  assert.deepEqual(news, ['a=0', 'b=1', 'c=2', 'b=7']);
  assert.deepEqual(
    (await state.list()).map(({ key, value }) => `${key}=${value}`),
    ['b=7'],
  );
  stop();
  await bus.close();
  await server.kill();
});

test('embedded: the folders that the bus has for itself are no buckets', async () => {
  const bus = await EmbeddedBus.open({ directory: await temporaryFolder('bus'), work: 'kept' });
  for (const name of ['lock', 'processes', 'work']) {
    assert.throws(() => bus.keyValue(name), hasCode('NAME_INVALID', /other than lock, processes, work/));
  }
  assert.equal(await bus.isAlive('../lock'), false);
  await bus.close();
});

test('embedded: an item whose file cannot be read does not keep the others from being handed out', async () => {
  const directory = await temporaryFolder('bus');
  const first = await EmbeddedBus.open({ directory, work: 'kept' });
  await first.workQueue<number>('work').publish(1, 'one');
  await first.close();
  const folder = path.join(directory, 'work', 'work');
  await mkdir(path.join(folder, '7.json'));
  await writeFile(path.join(folder, '8.json'), '{"torn":');
  const second = await EmbeddedBus.open({ directory, work: 'kept' });
  assert.equal((await second.workQueue<number>('work').pull(abortedAfter(1000)))?.content, 1);
  await second.close();
});
