/** Jobs of several parts, done by several processes. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { failure } from '@hyperswap/errors';
import { hasCode } from '../support/errors.js';
import { eventually } from '../support/fleet.js';
import { forever, freshKind, jobPlaces, resultOf, stateOf } from '../support/job-places.js';

for (const [name, { place: open, skip }] of Object.entries(jobPlaces)) {
  describe(`jobs with parts: ${name}`, { skip }, () => {
    test('a job with parts is done by several processes, each part once, and put together by one', async () => {
      const { runner: makeRunner } = await open();
      const kind = freshKind(true);
      const asked = await makeRunner();
      const done: [number, number][] = [];
      let together = 0;
      for (const process of [1, 2]) {
        const runner = process === 1 ? asked : await makeRunner();
        runner.register(
          kind,
          {
            run: ({ request }) => {
              together += 1;
              return Promise.resolve(request.text);
            },
            runPart: async (_, part) => {
              await setTimeout(30);
              done.push([process, part]);
            },
          },
          { workers: 2 },
        );
        runner.begin();
      }
      const id = await asked.start(kind, { text: 'whole', parts: 20 });
      let last = -1;
      for await (const news of asked.watch(kind, id, forever)) {
        if (news.news !== 'status') continue;
        const { done: count, total } = news.job.parts!;
        assert.ok(count >= last && total === 20);
        last = count;
      }
      assert.deepEqual(
        done.map(([, part]) => part).sort((a, b) => a - b),
        [...Array(20).keys()],
      );
      assert.ok(name === 'embedded' || new Set(done.map(([process]) => process)).size === 2);
      assert.equal(together, 1);
      assert.deepEqual((await asked.get(kind, id)).parts, { done: 20, total: 20 });
    });

    test('a job of very many parts has few of them in its queue at once, and each is done once', async () => {
      const { runner: makeRunner, bus } = await open();
      const kind = freshKind(true);
      const runner = await makeRunner();
      const queue = (await bus()).workQueue(`jobs-${kind.name}`);
      const done: number[] = [];
      let most = 0;
      let id = '';
      runner.register(
        kind,
        {
          run: () => Promise.resolve('whole'),
          runPart: async (_, part) => {
            if (done.push(part) % 100 === 1) most = Math.max(most, (await queue.held(id)).size);
          },
        },
        { workers: 4 },
      );
      id = await runner.start(kind, { text: '', parts: 400 });
      runner.begin();
      assert.equal(await resultOf(runner, kind, id), 'whole');
      assert.deepEqual(
        done.sort((a, b) => a - b),
        [...Array(400).keys()],
      );
      assert.ok(most > 0 && most <= 300, `${most} items were in the queue`);
    });

    test('a part that fails for good fails its job; queued again, the job goes on with the parts that are done', async () => {
      const { runner: makeRunner } = await open();
      const kind = freshKind(true);
      const runner = await makeRunner();
      let isBroken = true;
      const parts: number[] = [];
      const cleared: string[] = [];
      runner.register(kind, {
        run: ({ request }) => {
          if (isBroken) throw failure('FIELD_INVALID', { field: 'sum', reason: 'it does not add up' });
          return Promise.resolve(request.text);
        },
        runPart: (_, part) => {
          if (isBroken && part === 2) throw failure('OBJECT_DAMAGED', { key: 'k', reason: 'torn' });
          parts.push(part);
          return Promise.resolve();
        },
        clear: (_, end) => {
          cleared.push(end);
          return Promise.resolve();
        },
      });
      runner.begin();
      const id = await runner.start(kind, { text: 'whole', parts: 4 });
      await assert.rejects(resultOf(runner, kind, id), hasCode('OBJECT_DAMAGED', /torn/));
      assert.deepEqual([parts, cleared], [[0, 1], []]);
      isBroken = false;
      await runner.requeue(kind, id);
      assert.equal(await resultOf(runner, kind, id), 'whole');
      assert.deepEqual([parts, cleared], [[0, 1, 2, 3], ['done']]);
      isBroken = true;
      const other = await runner.start(kind, { text: 'put together', parts: 2 });
      await assert.rejects(resultOf(runner, kind, other), hasCode('FIELD_INVALID', /add up/));
      isBroken = false;
      await runner.requeue(kind, other);
      assert.equal(await resultOf(runner, kind, other), 'put together', 'though no part is left to do');
      assert.deepEqual(parts, [0, 1, 2, 3, 0, 1]);
    });

    test('a job with parts is cancelled at once, and what is done late is removed', async () => {
      const { runner: makeRunner, store } = await open();
      const kind = freshKind(true);
      const runner = await makeRunner();
      let isStarted: () => void = () => undefined;
      const started = new Promise<void>((resolve) => (isStarted = resolve));
      runner.register(kind, {
        run: () => Promise.resolve(''),
        runPart: async ({ objects }, part) => {
          isStarted();
          await setTimeout(300);
          await store.put(`${objects}parts/${part}`, Buffer.from('late'));
        },
        clear: async ({ objects }, end, part) => {
          if (part !== undefined && end === 'cancelled') await store.delete(`${objects}parts/${part}`);
        },
      });
      runner.begin();
      const id = await runner.start(kind, { text: '', parts: 3 });
      await started;
      await runner.cancel(kind, id);
      assert.equal(await stateOf(runner, kind, id), 'cancelled');
      await setTimeout(600);
      await eventually(3_000, async () => assert.deepEqual(await store.list(`jobs/${kind.name}/${id}/`), []));
    });
  });
}
