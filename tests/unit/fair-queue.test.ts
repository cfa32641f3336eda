import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FairQueue, type Flow, type Work } from '@hyperswap/tile-inference';

const capacity = 128;
const ordinary = { key: 'a', cost: 1, batchPatches: 1000 };

interface Tile extends Work {
  readonly owner: string;
}

const tile = (owner: string, patches: number, group = ordinary): Tile => ({ owner, patches, group });

/** A client with a number of tiles in the queue at all times; a new one takes the place of each that is done. */
interface Client {
  readonly name: string;
  readonly kind: 'interactive' | 'job';
  readonly patches: number;
  readonly inFlight: number;
  readonly group?: typeof ordinary;
}

/** Record of a client: patches that were served, and the time of each tile. */
interface Served {
  patches: number;
  readonly latencies: number[];
}

/**
 * Runs clients for some virtual time, in which a patch of cost 1 takes 1; two batches are in the engine, as in service.
 */
function simulate(clients: readonly Client[], duration: number): Map<string, Served> {
  const queue = new FairQueue<Tile>(capacity);
  const served = new Map<string, Served>(clients.map(({ name }) => [name, { patches: 0, latencies: [] }]));
  const flows = new Map<string, Flow<Tile>>(clients.map(({ name, kind }) => [name, queue.flow(kind)]));
  const byName = new Map(clients.map((client) => [client.name, client]));
  const sent = new Map<Tile, number>();
  const left = new Map<Tile, number>();
  let now = 0;
  const send = (name: string): void => {
    const { patches, group } = byName.get(name)!;
    const work = tile(name, patches, group);
    sent.set(work, now);
    left.set(work, patches);
    queue.add(flows.get(name)!, work);
  };
  for (const { name, inFlight } of clients) for (let i = 0; i < inFlight; i++) send(name);
  const engine: NonNullable<ReturnType<typeof queue.cut>>[] = [];
  while (now < duration) {
    for (let next; engine.length < 2 && (next = queue.cut()) !== undefined;) engine.push(next);
    const batch = engine.shift();
    assert.ok(batch, 'the engine never stands still while something waits');
    now += batch.parts.reduce((sum, { count, work }) => sum + count * work.group.cost, 0);
    for (const { work, count } of batch.parts) {
      served.get(work.owner)!.patches += count;
      left.set(work, left.get(work)! - count);
      if (left.get(work)! > 0) continue;
      served.get(work.owner)!.latencies.push(now - sent.get(work)!);
      send(work.owner);
    }
  }
  return served;
}

const longest = ({ latencies }: Served): number => Math.max(...latencies);

const small: Client = { name: 'small', kind: 'interactive', patches: 64, inFlight: 1 };
const other = { key: 'b', cost: 1, batchPatches: 1000 };

for (const [what, load] of [
  ['a stream of 16 × 16 tiles', [{ name: 'x', kind: 'interactive', patches: 256, inFlight: 8, group: other }]],
  ['a stream of 64 × 64 tiles', [{ name: 'x', kind: 'interactive', patches: 4096, inFlight: 2, group: other }]],
  ['one tile of 512 × 512', [{ name: 'x', kind: 'interactive', patches: 262_144, inFlight: 1, group: other }]],
  [
    'eight streams of 64 × 64 tiles, each with its adapter',
    Array.from({ length: 8 }, (_, i): Client => {
      return { name: `x${i}`, kind: 'interactive', patches: 4096, inFlight: 2, group: { ...other, key: `b${i}` } };
    }),
  ],
  [
    'fifty jobs',
    Array.from({ length: 50 }, (_, i): Client => ({
      name: `x${i}`,
      kind: 'job',
      patches: 4096,
      inFlight: 2,
      group: other,
    })),
  ],
] as [string, Client[]][]) {
  test(`a tile of less than a batch waits at most three batches longer beside ${what}`, () => {
    const served = simulate([small, ...load], 400_000);
    assert.ok(served.get('small')!.latencies.length > 500);
    assert.ok(longest(served.get('small')!) <= 3 * capacity + 64, `${longest(served.get('small')!)} of virtual time`);
  });
}

test('streams share the engine alike, whatever the size of their tiles', () => {
  const sizes = [100, 256, 4096, 16_384];
  const clients = sizes.map((patches, i): Client => {
    const group = { ...ordinary, key: String(i) };
    return { name: `x${i}`, kind: 'interactive', patches, inFlight: Math.ceil(4096 / patches), group };
  });
  const served = simulate(clients, 400_000);
  for (const { patches } of served.values()) assert.ok(Math.abs(patches / 100_000 - 1) < 0.02, `${patches} patches`);
});

test('a stream gets eight times as much as a job, and the job never stops', () => {
  const bulk = (name: string, kind: Client['kind']): Client => {
    return { name, kind, patches: 4096, inFlight: 2, group: { ...ordinary, key: name } };
  };
  const served = simulate([bulk('stream', 'interactive'), bulk('job', 'job')], 450_000);
  assert.ok(Math.abs(served.get('stream')!.patches / 400_000 - 1) < 0.02);
  assert.ok(Math.abs(served.get('job')!.patches / 50_000 - 1) < 0.02);
});

test('clients that come and go leave half of the engine to those that stream', () => {
  const restless = Array.from({ length: 40 }, (_, i): Client => {
    return { name: `r${i}`, kind: 'interactive', patches: 64, inFlight: 1, group: { ...ordinary, key: `r${i}` } };
  });
  const stream: Client = { name: 'stream', kind: 'interactive', patches: 4096, inFlight: 2, group: other };
  const served = simulate([...restless, stream], 200_000);
  assert.ok(served.get('stream')!.patches >= 100_000, `${served.get('stream')!.patches} patches`);
});

test('an expensive patch counts for as much as it costs', () => {
  const slow: Client = { name: 'slow', kind: 'interactive', patches: 4096, inFlight: 2, group: { ...other, cost: 8 } };
  const fast: Client = { name: 'fast', kind: 'interactive', patches: 4096, inFlight: 2 };
  const served = simulate([slow, fast], 400_000);
  assert.ok(Math.abs(served.get('fast')!.patches / 200_000 - 1) < 0.02);
  assert.ok(Math.abs(served.get('slow')!.patches / 25_000 - 1) < 0.02);
});

test('a batch takes patches of one binding, fills up from other flows, and says why it ended', () => {
  const queue = new FairQueue<Tile>(capacity);
  const [a, b, c] = [queue.flow('interactive'), queue.flow('interactive'), queue.flow('job')];
  queue.add(a, tile('a', 100));
  queue.add(b, tile('b', 50, other));
  queue.add(c, tile('c', 4096));
  const wide = { key: 'wide', cost: 1, batchPatches: 10 };
  queue.add(b, tile('b', 15, wide));
  const shape = (batch = queue.cut()) =>
    batch && { parts: batch.parts.map(({ work, first, count }) => [work.owner, first, count]), reason: batch.reason };
  assert.deepEqual(shape(), {
    parts: [
      ['a', 0, 100],
      ['c', 0, 28],
    ],
    reason: 'full',
  });
  assert.deepEqual(shape(), { parts: [['c', 28, 128]], reason: 'full' });
  assert.deepEqual(shape(), { parts: [['b', 0, 50]], reason: 'drained' });
  assert.deepEqual(shape(), { parts: [['c', 156, 128]], reason: 'full' });
  assert.deepEqual(shape(), { parts: [['b', 0, 10]], reason: 'pixels' });
  assert.deepEqual(shape(), { parts: [['c', 284, 128]], reason: 'full' });
  assert.deepEqual(shape(), { parts: [['b', 10, 5]], reason: 'drained' });
});

test('work that is taken out is in no later batch, and the others keep their turn', () => {
  const queue = new FairQueue<Tile>(capacity);
  const [a, b] = [queue.flow('interactive'), queue.flow('interactive')];
  const given = [tile('a', 4096), tile('a', 10), tile('b', 4096)];
  queue.add(a, given[0]!);
  queue.add(a, given[1]!);
  queue.add(b, given[2]!);
  assert.equal(queue.cut()!.parts[0]!.work, given[0]);
  queue.remove(a, given[0]!);
  queue.remove(b, given[2]!);
  assert.deepEqual(
    queue.cut()!.parts.map(({ work }) => work),
    [given[1]],
  );
  assert.equal(queue.cut(), undefined);
  queue.remove(a, given[0]!);
  assert.equal(queue.cut(), undefined);
});

test('a client that had the engine for itself is not punished for it when others come', () => {
  const queue = new FairQueue<Tile>(capacity);
  const [early, late] = [queue.flow('interactive'), queue.flow('interactive')];
  queue.add(early, tile('early', 100_000));
  for (let i = 0; i < 500; i++) queue.cut();
  queue.add(late, tile('late', 100_000, other));
  const owners = Array.from({ length: 8 }, () => queue.cut()!.parts[0]!.work.owner);
  assert.equal(owners.filter((owner) => owner === 'early').length, 4, owners.join(' '));
  // A flow that was idle for long gets no more than its share either.
  assert.equal(owners[0], 'late');
});
