/** Work items, events and names. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { abortedAfter, busPlaces, fresh, leaseMilliseconds } from '../support/bus-places.js';
import { hasCode } from '../support/errors.js';
import { hostileKeys } from '../support/hostile-strings.js';

for (const [name, { place: makePlace, skip }] of Object.entries(busPlaces)) {
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
