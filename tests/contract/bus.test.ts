import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { EmbeddedBus, type Bus } from '@hyperswap/messaging';
import { hasCode } from '../support/errors.js';

/** Aborted after a while; unlike `AbortSignal.timeout` it keeps the process waiting. */
function after(milliseconds: number): AbortSignal {
  const controller = new AbortController();
  void setTimeout(milliseconds).then(() => {
    controller.abort();
  });
  return controller.signal;
}

/** Every implementation of the bus: a fresh place, and the way to open one more connection to it. */
const implementations: Record<string, () => Promise<() => Bus>> = {
  embedded: async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-bus-'));
    return () => new EmbeddedBus(directory);
  },
};

for (const [name, place] of Object.entries(implementations)) {
  describe(`bus: ${name}`, () => {
    test('a work item goes to one worker, and a second publication of its id to none', async () => {
      const bus = (await place())();
      const queue = bus.workQueue<number>('work');
      await queue.publish(1, 'one');
      await queue.publish(1, 'one');
      await queue.publish(2, 'two');
      const signal = after(200);
      const items = await Promise.all([queue.pull(signal), queue.pull(signal), queue.pull(signal)]);
      assert.deepEqual(items.map((item) => item?.content).sort(), [1, 2, undefined]);
      await bus.close();
    });

    test('an item given back comes again and counts its deliveries; one acknowledged does not', async () => {
      const bus = (await place())();
      const queue = bus.workQueue<string>('work');
      await queue.publish('x', 'x');
      const first = await queue.pull(after(1000));
      await first!.giveBack();
      const second = await queue.pull(after(1000));
      assert.deepEqual([first!.deliveries, second!.deliveries], [1, 2]);
      await second!.acknowledge();
      await second!.giveBack();
      assert.equal(await queue.pull(after(100)), undefined);
      await bus.close();
    });

    test('state changes by compare-and-swap: of many writers of one revision one wins', async () => {
      const open = await place();
      const buses = [open(), open()];
      const [a, b] = buses.map((bus) => bus.keyValue<number>('state'));
      assert.equal(await a!.get('k'), undefined);
      assert.equal(await a!.update('k', 0, 0), 1);
      const writes = await Promise.allSettled(
        Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? a! : b!).update('k', i, 1)),
      );
      assert.equal(writes.filter(({ status }) => status === 'fulfilled').length, 1);
      const winner = writes.findIndex(({ status }) => status === 'fulfilled');
      assert.deepEqual(await b!.get('k'), { key: 'k', value: winner, revision: 2 });
      await assert.rejects(a!.update('k', 9, 1), hasCode('REVISION_STALE', /k changed since revision 1/));
      await assert.rejects(a!.update('new', 9, 5), hasCode('REVISION_STALE'));
      for (const bus of buses) await bus.close();
    });

    test('two hundred changes from two sides lose none', async () => {
      const open = await place();
      const buses = [open(), open()];
      await Promise.all(
        buses.map(async (bus) => {
          const state = bus.keyValue<number>('state');
          for (let done = 0; done < 100;) {
            const current = await state.get('counter');
            done += await state.update('counter', (current?.value ?? 0) + 1, current?.revision ?? 0).then(
              () => 1,
              () => 0,
            );
          }
        }),
      );
      assert.equal((await buses[0]!.keyValue<number>('state').get('counter'))!.value, 200);
      for (const bus of buses) await bus.close();
    });

    test('a watcher sees later changes of its own and of other connections', async () => {
      const open = await place();
      const [own, other] = [open(), open()];
      const seen: string[] = [];
      const stop = own.keyValue<number>('state').watch(({ key, value }) => seen.push(`${key}=${value}`));
      await setTimeout(100);
      await own.keyValue<number>('state').update('a', 1, 0);
      await other.keyValue<number>('state').update('b', 2, 0);
      for (let i = 0; i < 40 && seen.length < 2; i++) await setTimeout(50);
      assert.deepEqual(seen.sort(), ['a=1', 'b=2']);
      stop();
      await own.close();
      await other.close();
    });

    test('events reach those who listen', async () => {
      const bus = (await place())();
      const heard: unknown[] = [];
      const stop = bus.events.subscribe('subject', (content) => heard.push(content));
      await bus.events.publish('subject', { n: 1 });
      await bus.events.publish('other', { n: 2 });
      stop();
      await bus.events.publish('subject', { n: 3 });
      assert.deepEqual(heard, [{ n: 1 }]);
      await bus.close();
    });
  });
}
