/** Retries, lost workers and drains. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { failure } from '@hyperswap/errors';
import { hasCode } from '../support/errors.js';
import { eventually } from '../support/fleet.js';
import { forever, freshKind, jobPlaces, resultOf, stateOf, untilAborted } from '../support/job-places.js';

for (const [name, { place: open, skip }] of Object.entries(jobPlaces)) {
  describe(`retries of jobs: ${name}`, { skip }, () => {
    test('an error that a retry can mend is retried with a growing pause, and another worker’s success counts', async () => {
      const { runner: makeRunner } = await open();
      const kind = freshKind();
      const runner = await makeRunner();
      const times: number[] = [];
      runner.register(kind, {
        run: () => {
          times.push(performance.now());
          if (times.length < 3) throw failure('STORE_UNREACHABLE', { reason: 'it is away' });
          return Promise.resolve('third time lucky');
        },
      });
      runner.begin();
      const id = await runner.start(kind, { text: '' });
      await eventually(5_000, async () => {
        const { status, failures } = await runner.get(kind, id);
        assert.equal(status.state === 'queued' && status.reason?.code, 'STORE_UNREACHABLE', 'it says why it waits');
        assert.equal(failures, 1);
      });
      assert.equal(await resultOf(runner, kind, id), 'third time lucky');
      assert.ok(times[1]! - times[0]! >= 900, 'it waits before it tries again');
    });

    test('a part that is tried again says why the job waits, until a part is done; the pause has a bound', async () => {
      const { runner: makeRunner } = await open();
      const kind = freshKind(true);
      const runner = await makeRunner({ retryMilliseconds: 200 });
      let isFull = true;
      let isSeen: () => void = () => undefined;
      const seen = new Promise<void>((resolve) => {
        isSeen = resolve;
      });
      runner.register(
        kind,
        {
          run: () => Promise.resolve('there was space'),
          runPart: async (_, part) => {
            if (part === 1 && !isFull) await seen;
            if (isFull) throw failure('STORE_FULL', { key: 'map' });
          },
        },
        { workers: 2 },
      );
      runner.begin();
      const id = await runner.start(kind, { text: '', parts: 2 });
      await eventually(5_000, async () => {
        const { status } = await runner.get(kind, id);
        assert.equal(status.state === 'running' && status.reason?.code, 'STORE_FULL');
        isFull = false;
      });
      await eventually(5_000, async () => {
        const { status, parts } = await runner.get(kind, id);
        assert.deepEqual([status.state, 'reason' in status, parts!.done], ['running', false, 1]);
      });
      isSeen();
      assert.equal(await resultOf(runner, kind, id), 'there was space');
      isFull = true;
      const full = await runner.start(kind, { text: '', parts: 1 });
      await assert.rejects(resultOf(runner, kind, full), hasCode('STORE_FULL', /Free space/));
      assert.equal((await runner.get(kind, full)).failures, 4, 'it was tried five times');
    });

    test('an error that no retry mends fails the job at once: an operator finds it and queues it again', async () => {
      const { runner: makeRunner } = await open();
      const kind = freshKind();
      const runner = await makeRunner();
      let isMended = false;
      const repeated: boolean[] = [];
      runner.register(kind, {
        run: (_, { isRepeated }) => {
          repeated.push(isRepeated);
          if (isMended) return Promise.resolve('mended');
          throw failure('SCENE_NOT_FOUND', { scene: 'lost' });
        },
      });
      runner.begin();
      const id = await runner.start(kind, { text: 'a' });
      await assert.rejects(resultOf(runner, kind, id), hasCode('SCENE_NOT_FOUND', /lost/));
      const [letter, ...others] = await runner.deadLetters(kind);
      assert.deepEqual([letter!.id, letter!.subject, others.length], [id, 'a job about a', 0]);
      assert.equal(letter!.status.state === 'failed' && letter!.status.reason.code, 'SCENE_NOT_FOUND');
      isMended = true;
      await runner.requeue(kind, id);
      assert.equal(await resultOf(runner, kind, id), 'mended');
      assert.deepEqual(repeated, [false, true]);
      assert.deepEqual(await runner.deadLetters(kind), []);
      await assert.rejects(runner.requeue(kind, id), hasCode('JOB_NOT_FAILED', /done/));
    });

    test(
      'a full queue is no failed attempt: a busy process fails no job, however often',
      { timeout: 60_000 },
      async () => {
        const { runner: makeRunner } = await open();
        const kind = freshKind(true);
        const runner = await makeRunner();
        let refused = 0;
        runner.register(kind, {
          run: () => Promise.resolve('done at last'),
          runPart: () => {
            refused += 1;
            if (refused <= 8)
              throw failure('QUEUE_FULL', { waiting: 1, limit: 1, unit: 'patches', retryAfterMilliseconds: 50 });
            return Promise.resolve();
          },
        });
        runner.begin();
        const id = await runner.start(kind, { text: '', parts: 1 });
        assert.equal(await resultOf(runner, kind, id), 'done at last');
        assert.equal((await runner.get(kind, id)).failures, 0);
      },
    );

    test('a process that drains gives its job back, and that is no failed attempt', async () => {
      const { runner: makeRunner } = await open();
      const kind = freshKind();
      const ids: string[] = [];
      const asked = await makeRunner();
      ids.push(await asked.start(kind, { text: '' }));
      // More often than failures are allowed.
      for (let turn = 0; turn < 7; turn++) {
        const drained = await makeRunner();
        const started = new Promise<void>((resolve) => {
          drained.register(kind, {
            run: (_, { signal }) => {
              resolve();
              return untilAborted(signal);
            },
          });
        });
        drained.begin();
        await started;
        const watching = assert.rejects(resultOf(drained, kind, ids[0]!), hasCode('DRAINING'));
        await drained.stop();
        await watching;
        await assert.rejects(drained.start(kind, { text: '' }), hasCode('DRAINING'));
        assert.equal(await stateOf(asked, kind, ids[0]!), 'queued');
      }
      const last = await makeRunner();
      last.register(kind, { run: (_, { isRepeated }) => Promise.resolve(String(isRepeated)) });
      last.begin();
      assert.equal(await resultOf(asked, kind, ids[0]!), 'true');
      assert.equal((await asked.get(kind, ids[0]!)).failures, 0);
    });

    test('a job whose process died before it queued it is found and queued', async () => {
      const { runner: makeRunner, bus } = await open();
      const kind = freshKind();
      const asked = await makeRunner();
      const id = await asked.start(kind, { text: 'found' });
      const item = await (await bus()).workQueue(`jobs-${kind.name}`).pull(forever);
      await item!.acknowledge();
      await setTimeout(50);
      const worker = await makeRunner({ silenceMilliseconds: 10 });
      worker.register(kind, { run: ({ request }) => Promise.resolve(request.text) });
      worker.begin();
      assert.equal(await resultOf(asked, kind, id), 'found');
    });

    test('an item that loses its worker again and again fails its job, and says so', { timeout: 60_000 }, async () => {
      const { runner: makeRunner, bus } = await open();
      const kind = freshKind();
      const asked = await makeRunner();
      const id = await asked.start(kind, { text: '' });
      // Workers that crash: they pull an item and never renew its lease. The item is returned at once, so that no test
      // waits for leases.
      const queue = (await bus()).workQueue(`jobs-${kind.name}`);
      for (let loss = 0; loss < 10; loss++) await (await queue.pull(forever))!.giveBack();
      const worker = await makeRunner();
      worker.register(kind, { run: () => Promise.reject(new Error('it must not be tried again')) });
      worker.begin();
      await assert.rejects(resultOf(asked, kind, id), hasCode('JOB_LOST', /10 times/));
    });

    test('a worker that stood still while another took over changes nothing any more', async () => {
      const { runner: makeRunner, bus } = await open();
      const kind = freshKind();
      const queue = (await bus()).workQueue(`jobs-${kind.name}`);
      const runner = await makeRunner();
      const signals: AbortSignal[] = [];
      let finishFirst: () => void = () => undefined;
      let finishSecond: () => void = () => undefined;
      runner.register(
        kind,
        {
          run: async (_, { signal }) => {
            signals.push(signal);
            const isFirst = signals.length === 1;
            await new Promise<void>((resolve) => {
              if (isFirst) finishFirst = resolve;
              else finishSecond = resolve;
            });
            if (isFirst) throw failure('STORE_UNREACHABLE', { reason: 'late and wrong' });
            return 'the second';
          },
        },
        { workers: 2 },
      );
      runner.begin();
      const id = await runner.start(kind, { text: '' });
      await eventually(3_000, () => {
        assert.equal(signals.length, 1);
        return Promise.resolve();
      });
      // The same item again, as after an expired lease.
      await queue.publish({ kind: kind.name, job: id, round: 0 }, `${id}.again`);
      await eventually(3_000, () => {
        assert.equal(signals.length, 2);
        return Promise.resolve();
      });
      await eventually(3_000, () => {
        assert.equal(signals[0]!.aborted, true);
        return Promise.resolve();
      });
      finishFirst();
      await setTimeout(100);
      assert.equal(await stateOf(runner, kind, id), 'running');
      finishSecond();
      assert.equal(await resultOf(runner, kind, id), 'the second');
    });
  });
}
