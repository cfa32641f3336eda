/** Progress of jobs for those who watch or list them, and turns on a shared queue. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { eventually } from '../support/fleet.js';
import { forever, freshKind, jobPlaces, resultOf, untilAborted } from '../support/job-places.js';

for (const [name, { place: open, skip }] of Object.entries(jobPlaces)) {
  describe(`news of jobs: ${name}`, { skip }, () => {
    test('a slow reader of a long job gets the newest news, not all of them', async () => {
      const { runner: makeRunner } = await open();
      const kind = freshKind();
      const runner = await makeRunner();
      runner.register(kind, {
        run: async (_, { report }) => {
          for (let step = 0; step < 2_000; step++) {
            report({ step });
            if (step % 100 === 0) await setTimeout(20);
          }
          await setTimeout(300);
          return '';
        },
      });
      runner.begin();
      const id = await runner.start(kind, { text: '' });
      const steps: number[] = [];
      for await (const news of runner.watch(kind, id, forever)) {
        if (news.news === 'progress') steps.push(news.progress.step);
        await setTimeout(30);
      }
      assert.ok(steps.length < 20, `${steps.length} of 2000 were told`);
      assert.equal(steps.at(-1), 1_999);
    });

    test('a watcher who comes late, and a list, know the progress so far', { timeout: 30_000 }, async () => {
      const { runner: makeRunner } = await open();
      const kind = freshKind();
      const runner = await makeRunner();
      runner.register(kind, {
        run: async (_, { report, signal }) => {
          for (let step = 1; !signal.aborted && step < 60; step++) {
            report({ step });
            await setTimeout(100);
          }
          return untilAborted(signal);
        },
      });
      runner.begin();
      const id = await runner.start(kind, { text: '' });
      await eventually(10_000, async () => assert.ok((await runner.list(kind))[0]!.progress!.step > 40));
      for await (const news of runner.watch(kind, id, forever)) {
        assert.ok(news.news === 'status' && news.job.progress!.step > 40);
        break;
      }
      await runner.cancel(kind, id);
    });

    test('kinds that share a queue take turns on its worker', async () => {
      const { runner: makeRunner } = await open();
      const queue = `shared-${freshKind().name}`;
      const [one, other] = [freshKind(), freshKind()].map((kind) => ({ ...kind, queue }));
      const runner = await makeRunner();
      let [open_, most] = [0, 0];
      const handler = {
        run: async () => {
          most = Math.max(most, (open_ += 1));
          await setTimeout(50);
          open_ -= 1;
          return '';
        },
      };
      for (const kind of [one!, other!]) runner.register(kind, handler);
      runner.begin();
      const ids = [];
      for (let turn = 0; turn < 3; turn++)
        for (const kind of [one!, other!]) ids.push([kind, await runner.start(kind, { text: '' })] as const);
      for (const [kind, id] of ids) await resultOf(runner, kind, id);
      assert.equal(most, 1);
    });
  });
}
