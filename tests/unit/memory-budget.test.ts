import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '@hyperswap/random';
import { MemoryBudget, type Account, type Reservation } from '@hyperswap/tile-inference';
import { hasCode } from '../support/errors.js';

const signal = new AbortController().signal;
const size = (bytes: number, patches = 1) => ({ bytes, patches });
const budget = (): MemoryBudget => new MemoryBudget(size(100, 100), size(800, 1600));

/** Reserves as often as there is room. */
function fillUp(account: Account, bytes: number): Reservation[] {
  const made: Reservation[] = [];
  for (let one; (one = account.tryReserve(size(bytes))) !== undefined;) made.push(one);
  return made;
}

/** Returns true if a promise is settled. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol('open');
  await new Promise((resolve) => setImmediate(resolve));
  return (await Promise.race([promise, Promise.resolve(open)])) !== open;
}

test('a flow holds at most its own limit', () => {
  const room = budget();
  const account = room.account();
  assert.equal(fillUp(account, 10).length, 10);
  assert.equal(room.used.bytes, 100);
});

test('any number of greedy flows leave room for one that comes', () => {
  const room = budget();
  const greedy = Array.from({ length: 30 }, () => room.account());
  for (let round = 0; round < 100; round++) for (const account of greedy) account.tryReserve(size(1));
  assert.ok(room.used.bytes < 800);
  const shares = greedy.map(({ held }) => held.bytes);
  assert.ok(Math.min(...shares) > 15 && Math.max(...shares) - Math.min(...shares) <= 2, shares.join(' '));
  assert.ok(room.account().tryReserve(size(10)), 'a newcomer finds no room');
});

test('work larger than all limits runs alone, and is not refused', async () => {
  const room = budget();
  const account = room.account();
  const huge = await account.reserve(size(10_000, 10_000), signal);
  assert.ok(room.account().tryReserve(size(10)), 'others go on beside it');
  assert.equal(account.tryReserve(size(1)), undefined);
  huge.release();
  assert.ok(account.tryReserve(size(1)));
});

test('whoever waits is admitted when room is given back, flows that hold nothing first', async () => {
  const room = new MemoryBudget(size(1000, 1000), size(100, 1000));
  const [greedy, empty] = [room.account(), room.account()];
  const held = fillUp(greedy, 10);
  const more = greedy.reserve(size(10), signal);
  const first = empty.reserve(size(40), signal);
  held.pop()!.release();
  assert.deepEqual([await isSettled(more), await isSettled(first)], [false, false]);
  for (const one of held.splice(1)) one.release();
  assert.equal(await isSettled(first), true);
  (await first).release();
  assert.equal(await isSettled(more), true);
});

test('a large reservation is overtaken by small ones, but not for ever', async () => {
  const room = new MemoryBudget(size(1000, 1000), size(100, 1000));
  let held = room.account().tryReserve(size(20))!;
  const large = room.account().reserve(size(45), signal);
  let rounds = 0;
  while (!(await isSettled(large))) {
    assert.ok(rounds++ < 1000, 'the large one starves');
    const next = room.account().reserve(size(20), signal);
    held.release();
    held = (await isSettled(next)) ? await next : held;
  }
  assert.ok(rounds > 10, `${rounds} went before it`);
});

test('a reservation that is cancelled while it waits fails at once, and leaves nothing', async () => {
  const room = budget();
  const account = room.account();
  const held = fillUp(account, 10);
  const cancelling = new AbortController();
  const waiting = account.reserve(size(10), cancelling.signal);
  cancelling.abort();
  await assert.rejects(waiting, hasCode('CANCELLED'));
  await assert.rejects(account.reserve(size(10), cancelling.signal), hasCode('CANCELLED'));
  for (const one of held) one.release();
  assert.deepEqual(room.used, { patches: 0, bytes: 0 });
});

test('patches are given back as they are classified, bytes at the end, whatever the order of calls', () => {
  const room = budget();
  const one = room.account().tryReserve(size(50, 400))!;
  // A flow's limit is what a large piece of work counts for.
  assert.deepEqual(room.used, { patches: 100, bytes: 50 });
  one.keepPatches(300);
  assert.equal(room.used.patches, 100);
  one.keepPatches(30);
  assert.deepEqual(room.used, { patches: 30, bytes: 50 });
  one.keepPatches(90);
  assert.equal(room.used.patches, 30);
  one.release();
  one.release();
  assert.deepEqual(room.used, { patches: 0, bytes: 0 });
});

test('no order of reservations, cancellations and releases breaks a bound or leaves somebody waiting', async () => {
  const random = new Random(7);
  const room = budget();
  const accounts = Array.from({ length: 12 }, () => room.account());
  const held: Reservation[] = [];
  const waiting = new Set<Promise<unknown>>();
  for (let step = 0; step < 3000; step++) {
    if (random.uniform() < 0.6) {
      const cancelling = new AbortController();
      const wanted = size(1 + random.integer(180), 1 + random.integer(300));
      const account = accounts[random.integer(accounts.length)]!;
      const reserving: Promise<unknown> = account.reserve(wanted, cancelling.signal).then(
        (one) => held.push(one),
        () => undefined,
      );
      waiting.add(reserving);
      void reserving.finally(() => waiting.delete(reserving));
      if (random.uniform() < 0.1) cancelling.abort();
    } else if (held.length > 0) {
      held.splice(random.integer(held.length), 1)[0]!.release();
    }
    await Promise.resolve();
    assert.ok(room.used.bytes <= 800 && room.used.patches <= 1600);
    for (const { held: own } of accounts) assert.ok(own.bytes <= 400 && own.patches <= 100);
  }
  for (let turn = 0; waiting.size > 0 || held.length > 0; turn++) {
    assert.ok(turn < 10_000, `${waiting.size} wait for ever`);
    for (const one of held.splice(0)) one.release();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(room.used, { patches: 0, bytes: 0 });
});
