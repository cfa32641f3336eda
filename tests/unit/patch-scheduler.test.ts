import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { failure, type HyperswapError } from '@hyperswap/errors';
import { PatchScheduler, schedulerLimits, type Part, type Work } from '@hyperswap/tile-inference';
import { hasCode } from '../support/errors.js';

const group = { key: 'a', cost: 1, batchPatches: 1000 };
const work = (patches: number, key = 'a'): Work => ({ group: { ...group, key }, patches });
const never = new AbortController().signal;

/** A batch that the test ends. */
interface OpenBatch {
  readonly parts: readonly Part<Work>[];
  readonly signal: AbortSignal;
  readonly urgent: boolean;
  readonly end: (error?: Error) => void;
}

/** A scheduler over an engine whose batches end when the test says so. */
function withEngine(sum = { patches: 3200, bytes: 8000 }) {
  const batches: OpenBatch[] = [];
  const scheduler = new PatchScheduler<Work>(
    (parts, { signal, urgent }) => {
      return new Promise((resolve, reject) => {
        const end = (error?: Error): void => {
          if (error === undefined) resolve();
          else reject(error);
        };
        batches.push({ parts, signal, urgent, end });
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    },
    schedulerLimits(100, sum),
  );
  return { scheduler, batches };
}

test('two batches are in the engine, and the next is cut when one ends', async () => {
  const { scheduler, batches } = withEngine();
  const flow = scheduler.flow('interactive');
  const reservation = await flow.reserve({ patches: 250, bytes: 1 }, never);
  const running = flow.run(work(250), reservation, never);
  assert.deepEqual(
    batches.map(({ parts }) => parts[0]!.first),
    [0, 100],
  );
  assert.equal(scheduler.waitingPatches, 250);
  batches[0]!.end();
  await turn();
  assert.equal(scheduler.waitingPatches, 150);
  assert.equal(batches.length, 3);
  batches[1]!.end();
  batches[2]!.end();
  await running;
  reservation.release();
  assert.deepEqual([scheduler.waitingPatches, scheduler.classifiedPatches, scheduler.reservedBytes], [0, 250, 0]);
});

test('a small tile passes batches that have begun, once for each of them, and never splits work of theirs', async () => {
  const { scheduler, batches } = withEngine();
  const [stream, visitor, other] = [
    scheduler.flow('job'),
    scheduler.flow('interactive'),
    scheduler.flow('interactive'),
  ];
  const start = async (flow: typeof stream, patches: number): Promise<{ readonly done: Promise<unknown> }> => ({
    done: flow.run(work(patches), await flow.reserve({ patches, bytes: 1 }, never), never),
  });
  const long = await start(stream, 800);
  const seen = (): (readonly [boolean, number])[] =>
    batches.map(({ urgent, parts }) => [urgent, parts.reduce((sum, { count }) => sum + count, 0)]);
  const [first, second] = [await start(visitor, 20), await start(other, 30)];
  const alone = [
    [false, 100],
    [false, 100],
    [true, 20],
  ] as const;
  assert.deepEqual(seen(), alone, 'one batch passes at a time');
  batches[2]!.end();
  await first.done;
  assert.deepEqual(seen(), alone, 'the others go on first');
  batches[0]!.end();
  await turn();
  assert.deepEqual(seen().slice(3), [
    [true, 30],
    [false, 100],
  ]);
  batches[3]!.end();
  await second.done;
  // Its first half is in a batch that waits, and so the second half waits for its turn.
  const half = await start(visitor, 150);
  assert.deepEqual(seen().length, 5);
  for (let index = 1; index < batches.length; index++) {
    if (![2, 3].includes(index)) batches[index]!.end();
    await turn();
  }
  assert.deepEqual(
    seen()
      .filter(([urgent]) => urgent)
      .map(([, patches]) => patches),
    [20, 30],
  );
  await Promise.all([long.done, half.done]);
});

test('cancelled work is gone at once, and is in no further batch', async () => {
  const { scheduler, batches } = withEngine();
  const cancelling = new AbortController();
  const [one, other] = [scheduler.flow('interactive'), scheduler.flow('interactive')];
  const size = { patches: 100, bytes: 1 };
  const cancelled = one.run(work(1000), await one.reserve(size, never), cancelling.signal);
  const kept = other.run(work(150), await other.reserve(size, never), never);
  cancelling.abort(failure('DEADLINE', { what: 'The call' }));
  await assert.rejects(cancelled, hasCode('DEADLINE'));
  assert.equal(scheduler.waitingPatches, 150);
  for (const batch of batches) {
    batch.end();
    await turn();
  }
  await kept;
  const counts = batches.slice(2).flatMap(({ parts }) => parts.map(({ count }) => count));
  assert.deepEqual(counts, [100, 50]);
  const late = scheduler.flow('interactive');
  await assert.rejects(late.run(work(1), await late.reserve(size, never), cancelling.signal), hasCode('DEADLINE'));
});

test('a batch that nobody waits for any more is stopped; one that somebody waits for is not', async () => {
  const { scheduler, batches } = withEngine();
  const [first, second] = [new AbortController(), new AbortController()];
  const flow = scheduler.flow('interactive');
  const reservation = await flow.reserve({ patches: 1, bytes: 1 }, never);
  const runs = [flow.run(work(60), reservation, first.signal), flow.run(work(40), reservation, second.signal)];
  // The first was alone in the queue, the second came when a batch was in the engine already.
  runs.push(flow.run(work(10), reservation, second.signal), flow.run(work(10), reservation, first.signal));
  const outcomes = Promise.allSettled(runs);
  batches[0]!.end();
  await turn();
  assert.deepEqual(
    batches.map(({ parts }) => parts.map(({ work: { patches } }) => patches)),
    [[60], [40], [10, 10]],
  );
  second.abort();
  await turn();
  assert.deepEqual(
    batches.map(({ signal }) => signal.aborted),
    [false, true, false],
  );
  first.abort();
  await turn();
  assert.equal(batches[2]!.signal.aborted, true);
  assert.deepEqual(
    (await outcomes).map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected', 'rejected'],
  );
});

test('what a batch fails with reaches all that are in it, and nobody else', async () => {
  const { scheduler, batches } = withEngine();
  const flow = scheduler.flow('interactive');
  const reservation = await flow.reserve({ patches: 1, bytes: 1 }, never);
  const runs = [flow.run(work(500, 'bad'), reservation, never), flow.run(work(20), reservation, never)];
  const outcomes = Promise.allSettled(runs);
  for (const { parts, end } of batches) {
    end(parts[0]!.work.group.key === 'bad' ? new Error('no memory') : undefined);
    await turn();
  }
  assert.deepEqual(
    (await outcomes).map(({ status }) => status),
    ['rejected', 'fulfilled'],
  );
  assert.equal(scheduler.waitingPatches, 0);
});

test('a caller that does not wait is told when there may be room', () => {
  const { scheduler } = withEngine({ patches: 320, bytes: 8000 });
  const greedy = scheduler.flow('job');
  greedy.reserveNow({ patches: 10, bytes: 900 });
  const isFull = (unit: string) => (error: unknown) => {
    hasCode('QUEUE_FULL', new RegExp(`${unit} wait, and the queue takes \\d+. Try again in \\d+ ms`))(error);
    assert.ok((error as HyperswapError).retryAfterMilliseconds! >= 100);
    return true;
  };
  assert.throws(() => greedy.reserveNow({ patches: 1, bytes: 200 }), isFull('bytes'));
  // Others have their room.
  scheduler.flow('job').reserveNow({ patches: 1, bytes: 200 });
});
