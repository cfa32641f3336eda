/** Life of a job: run, result, names, cancel, limits, retention. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { hasCode } from '../support/errors.js';
import { eventually } from '../support/fleet.js';
import { forever, freshKind, jobPlaces, resultOf, stateOf, untilAborted } from '../support/job-places.js';

for (const [name, { place: open, skip }] of Object.entries(jobPlaces)) {
  describe(`jobs: ${name}`, { skip }, () => {
    test('a job runs once, tells its progress and leaves its result', async () => {
      const { runner: makeRunner, store } = await open();
      const kind = freshKind();
      const [asked, worker] = [await makeRunner(), await makeRunner()];
      const runs: boolean[] = [];
      worker.register(kind, {
        run: async ({ request }, { report, isRepeated }) => {
          runs.push(isRepeated);
          for (let step = 1; step <= 5; step++) {
            report({ step });
            await setTimeout(60);
          }
          return request.text.toUpperCase();
        },
      });
      const id = await asked.start(kind, { text: 'hello' });
      assert.equal(await stateOf(asked, kind, id), 'queued');
      const heard: string[] = [];
      const watching = (async () => {
        for await (const news of asked.watch(kind, id, forever)) {
          if (news.news === 'status') heard.push(news.job.status.state);
          else heard.push(news.news === 'progress' ? `step ${news.progress.step}` : news.result);
        }
      })();
      worker.begin();
      await watching;
      assert.deepEqual([heard[0], heard.includes('running'), heard.at(-1)], ['queued', true, 'HELLO']);
      assert.ok(
        heard.some((text) => text.startsWith('step')),
        heard.join(),
      );
      assert.deepEqual(runs, [false]);
      const { attempts, status, startedAt, endedAt, createdAt } = await asked.get(kind, id);
      assert.deepEqual([status.state, attempts], ['done', 1]);
      assert.ok(createdAt <= startedAt! && startedAt! <= endedAt!);
      assert.equal(await store.has(`jobs/${kind.name}/${id}/result`), true);
      assert.equal(await resultOf(worker, kind, id), 'HELLO', 'it is kept for those who come later');
    });

    test('no id of one kind reaches a job of another, and what is no id reaches nothing', async () => {
      const { runner: makeRunner } = await open();
      const [mine, theirs] = [freshKind(), freshKind()];
      const runner = await makeRunner();
      const id = await runner.start(mine, { text: '' });
      const traps = [
        `../jobs-${mine.name}/${id}`,
        '../../outside/victim',
        '',
        '.',
        id.toUpperCase(),
        'x'.repeat(10_000),
      ];
      for (const wrong of [id, ...traps]) {
        await assert.rejects(runner.cancel(theirs, wrong), hasCode('JOB_NOT_FOUND'));
        await assert.rejects(runner.get(theirs, wrong), hasCode('JOB_NOT_FOUND'));
        await assert.rejects(runner.requeue(theirs, wrong), hasCode('JOB_NOT_FOUND'));
        await assert.rejects(resultOf(runner, theirs, wrong), hasCode('JOB_NOT_FOUND'));
      }
      assert.equal(await stateOf(runner, mine, id), 'queued');
      assert.deepEqual(await runner.list(theirs), []);
    });

    test('a job is cancelled while it waits and while it runs, from anywhere; one that ended stays as it is', async () => {
      const { runner: makeRunner } = await open();
      const kind = freshKind();
      const [asked, worker] = [await makeRunner(), await makeRunner()];
      const cleared: string[] = [];
      let isFirst = true;
      const started = new Promise<void>((resolve) => {
        worker.register(kind, {
          run: (_, { signal }) => {
            if (!isFirst) return Promise.resolve('quick');
            isFirst = false;
            resolve();
            return untilAborted(signal);
          },
          clear: ({ id }) => {
            cleared.push(id);
            return Promise.resolve();
          },
        });
      });
      const waiting = await asked.start(kind, { text: 'waits' });
      await asked.cancel(kind, waiting);
      assert.equal(await stateOf(asked, kind, waiting), 'cancelled');
      worker.begin();
      const running = await asked.start(kind, { text: 'runs' });
      await started;
      const watching = assert.rejects(resultOf(asked, kind, running), hasCode('CANCELLED'));
      await asked.cancel(kind, running);
      await watching;
      assert.equal(await stateOf(asked, kind, running), 'cancelled');
      await eventually(2_000, () => {
        assert.deepEqual(cleared, [running]);
        return Promise.resolve();
      });
      const done = await asked.start(kind, { text: '' });
      assert.equal(await resultOf(asked, kind, done), 'quick');
      for (const id of [running, done]) await asked.cancel(kind, id);
      assert.deepEqual([await stateOf(asked, kind, running), await stateOf(asked, kind, done)], ['cancelled', 'done']);
    });

    test('more jobs of a kind than the limit are refused with a hint when to try again; other kinds have room', async () => {
      const { runner: makeRunner } = await open();
      const [full, other] = [freshKind(), freshKind()];
      const runner = await makeRunner({ jobLimit: 3 });
      const asked = await Promise.allSettled(Array.from({ length: 10 }, () => runner.start(full, { text: '' })));
      const ids = asked.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      assert.equal(ids.length, 3, 'also of those that ask at the same moment');
      await assert.rejects(runner.start(full, { text: '' }), (error: unknown) => {
        hasCode('JOBS_FULL', /3 jobs.*Try again in 5000 ms/)(error);
        return (error as { retryAfterMilliseconds: number }).retryAfterMilliseconds > 0;
      });
      await runner.start(other, { text: '' });
      await runner.cancel(full, ids[0]!);
      await runner.start(full, { text: '' });
    });

    test('a request too large and a job of too many parts are refused, and nothing is queued', async () => {
      const { runner: makeRunner } = await open();
      const kind = freshKind(true);
      const runner = await makeRunner();
      await assert.rejects(runner.start(kind, { text: 'x'.repeat(300_000) }), hasCode('FIELD_INVALID', /bytes/));
      await assert.rejects(runner.start(kind, { text: '', parts: 20_000 }), hasCode('FIELD_INVALID', /20000 parts/));
      assert.deepEqual(await runner.list(kind), []);
    });

    test('jobs that ended long ago are cleared away with all their objects; those that wait stay', async () => {
      const { runner: makeRunner, store } = await open();
      const kind = freshKind();
      const runner = await makeRunner();
      runner.register(kind, { run: () => Promise.resolve('old') });
      runner.begin();
      const old = await runner.start(kind, { text: '' });
      await resultOf(runner, kind, old);
      await runner.stop();
      const asked = await makeRunner();
      const waiting = await asked.start(kind, { text: '' });
      const sweeper = await makeRunner({ keepMilliseconds: 0 });
      sweeper.register(kind, { run: (_, { signal }) => untilAborted(signal) });
      sweeper.begin();
      await eventually(3_000, async () => {
        await assert.rejects(sweeper.get(kind, old), hasCode('JOB_NOT_FOUND'));
        assert.deepEqual(await store.list(`jobs/${kind.name}/${old}/`), []);
      });
      assert.deepEqual(
        (await asked.list(kind)).map(({ id }) => id),
        [waiting],
      );
      await sweeper.stop();
    });

    test('a record that cannot be read spoils no other', async () => {
      const { runner: makeRunner, bus } = await open();
      const kind = freshKind();
      const runner = await makeRunner();
      const id = await runner.start(kind, { text: 'whole' });
      const bucket = (await bus()).keyValue<unknown>(`jobs-${kind.name}`);
      await bucket.update('00000000-0000-4000-8000-000000000000', { nonsense: true }, 0);
      assert.deepEqual(
        (await runner.list(kind)).map((job) => job.id),
        [id],
      );
    });
  });
}
