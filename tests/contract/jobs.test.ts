import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { failure } from '@hyperswap/errors';
import { JobRunner, jsonCodec, type JobKind, type JobRunnerContext, type JobState } from '@hyperswap/jobs';
import { EmbeddedBus, NatsBus, type Bus } from '@hyperswap/messaging';
import { DirectoryObjectStore, type ObjectStore } from '@hyperswap/storage';
import { createLogger } from '@hyperswap/telemetry';
import { z } from 'zod';
import { hasCode } from '../support/errors.js';
import { eventually } from '../support/fleet.js';
import { serversMissing, startNats } from '../support/servers.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** Short, so that a lost item comes back while a test waits. */
const leaseMilliseconds = 1_000;

interface Request {
  readonly text: string;
  readonly parts?: number;
}

const progressSchema = z.object({ step: z.number() });
type Kind = JobKind<Request, string, { step: number }>;

let kinds = 0;
/** A kind, and so a queue and a bucket, that no other test has. */
function freshKind(isCut = false): Kind {
  const kind = {
    name: `kind-${(kinds += 1)}`,
    subject: ({ text }: Request) => `a job about ${text}`,
    request: jsonCodec(z.object({ text: z.string(), parts: z.number().optional() })),
    result: jsonCodec(z.string()),
    progress: jsonCodec(progressSchema),
  };
  return isCut ? { ...kind, parts: (request) => request.parts ?? 1 } : kind;
}

interface Place {
  readonly store: ObjectStore;
  /** Runner of a second process: with its own connection if the bus has connections. */
  readonly runner: (more?: Partial<JobRunnerContext>) => Promise<JobRunner>;
  /** Connection that damages stored data. */
  readonly bus: () => Promise<Bus>;
}

let nats: Awaited<ReturnType<typeof startNats>> | undefined;
const closing: (() => Promise<unknown>)[] = [];

after(async () => {
  for (const close of closing.reverse()) await close();
  await nats?.stop();
});

async function makePlace(open: () => Promise<Bus>): Promise<Place> {
  const store = new DirectoryObjectStore(await temporaryFolder('jobs'));
  return {
    store,
    bus: open,
    runner: async (more = {}) => {
      const bus = await open();
      const runner = new JobRunner({
        bus,
        store,
        logger: createLogger('silent', 'test'),
        leaseMilliseconds,
        keepMilliseconds: 3_600_000,
        jobLimit: 100,
        ...more,
      });
      closing.push(() => runner.stop());
      return runner;
    },
  };
}

const implementations: Record<string, { readonly skip?: string; readonly place: () => Promise<Place> }> = {
  embedded: {
    place: async () => {
      const directory = await temporaryFolder('bus');
      const bus = await EmbeddedBus.open({ directory, work: 'kept', leaseMilliseconds });
      closing.push(() => bus.close());
      return makePlace(() => Promise.resolve(bus));
    },
  },
  nats: {
    skip: serversMissing,
    place: async () => {
      nats ??= await startNats();
      const { url } = nats;
      return makePlace(async () => {
        const bus = await NatsBus.open({ url, leaseMilliseconds });
        closing.push(() => bus.close());
        return bus;
      });
    },
  },
};

const forever = new AbortController().signal;

async function resultOf(runner: JobRunner, kind: Kind, id: string): Promise<string> {
  for await (const news of runner.watch(kind, id, forever)) if (news.news === 'result') return news.result;
  throw new Error('the job ended without a result');
}

async function stateOf(runner: JobRunner, kind: Kind, id: string): Promise<JobState> {
  return (await runner.get(kind, id)).status.state;
}

/** Ends when the signal is aborted, with its reason. */
async function untilAborted(signal: AbortSignal): Promise<never> {
  await new Promise((resolve) => {
    signal.addEventListener('abort', resolve, { once: true });
    if (signal.aborted) resolve(undefined);
  });
  signal.throwIfAborted();
  throw new Error('unreachable');
}

for (const [name, { place: open, skip }] of Object.entries(implementations)) {
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
      const [one, other] = [freshKind(), freshKind()].map((kind) => ({ ...kind, queue: `shared-${kinds}` }));
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
