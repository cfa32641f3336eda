/** Health and draining of a server, with services of the test's own. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import {
  health,
  SceneServiceClient,
  SceneServiceService,
  TrainingServiceClient,
  TrainingServiceService,
  type Training,
  type WatchTrainingResponse,
} from '@hyperswap/proto';
import {
  bidiStreamHandler,
  callUnary,
  connect,
  readStream,
  serverStreamHandler,
  startServer,
  unaryHandler,
  watchHandler,
  type RunningServer,
} from '@hyperswap/rpc';
import { HyperswapError } from '@hyperswap/errors';
import { hasCode } from '../support/errors.js';
import { eventually } from '../support/fleet.js';
import { healthOf, NOT_SERVING, SERVICE_UNKNOWN, SERVING } from '../support/health.js';

const trainingName = 'hyperswap.v1.TrainingService';
const sceneName = 'hyperswap.v1.SceneService';
const everything = { pageSize: 0, pageToken: '' };
const progress = (done: number): WatchTrainingResponse => {
  const value = { progress: { stage: 'training', done, total: 10 }, epoch: 0, loss: undefined };
  return { event: { $case: 'progress', value } };
};

let server: RunningServer;
let finish: () => void;
let trainings: TrainingServiceClient;
let client: health.HealthClient;

beforeEach(async () => {
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const trainingMethods = {
    // Work that ends when the test releases it.
    readPredictions: serverStreamHandler(async function* () {
      yield { pixels: [1], predictions: Buffer.alloc(1) };
      await finished;
      yield { pixels: [2], predictions: Buffer.alloc(1) };
    }),
    // Endless stream of events.
    watchTraining: watchHandler(async function* (_, { signal }) {
      yield progress(1);
      await setTimeout(60_000, undefined, { signal, ref: false }).catch(() => undefined);
    }),
    listTrainings: unaryHandler(() => Promise.resolve({ trainings: [] as Training[], nextPageToken: '' })),
  };
  const sceneMethods = {
    // An answer to each request.
    prepareScene: bidiStreamHandler(async function* (requests: AsyncIterable<unknown>) {
      const answered = { event: undefined };
      for await (const request of requests) if (request !== undefined) yield answered;
    }),
  };
  server = await startServer(
    [
      { name: trainingName, definition: TrainingServiceService, implementation: trainingMethods, roles: {} },
      { name: sceneName, definition: SceneServiceService, implementation: sceneMethods, roles: {} },
    ],
    { host: '127.0.0.1', port: 0 },
  );
  trainings = connect(TrainingServiceClient, server.endpoint);
  client = connect(health.HealthClient, server.endpoint);
});

afterEach(async () => {
  trainings.close();
  client.close();
  await server.drain(0);
});

test('each service has its own health, the empty name that of all, and liveness that of the process', async () => {
  const states = async (): Promise<number[]> => {
    const names = [trainingName, sceneName, '', 'liveness'];
    return Promise.all(names.map((name) => healthOf(server.endpoint, name)));
  };
  assert.deepEqual(await states(), [NOT_SERVING, NOT_SERVING, NOT_SERVING, SERVING]);
  server.health.set(trainingName, true);
  assert.deepEqual(await states(), [SERVING, NOT_SERVING, NOT_SERVING, SERVING]);
  server.health.set(sceneName, true);
  assert.deepEqual(await states(), [SERVING, SERVING, SERVING, SERVING]);
  const { statuses } = await callUnary(client, 'list', {});
  assert.deepEqual(Object.keys(statuses).sort(), ['', 'liveness', sceneName, trainingName].sort());
  server.health.fail();
  server.health.set(trainingName, true);
  assert.deepEqual(await states(), [NOT_SERVING, NOT_SERVING, NOT_SERVING, NOT_SERVING]);
  await assert.rejects(
    healthOf(server.endpoint, 'hyperswap.v1.Nothing'),
    hasCode('SERVICE_UNKNOWN', /hyperswap\.v1\.Nothing/),
  );
});

/** Reads a stream to its end; what has come so far is in `items`. */
function reading<Item>(stream: AsyncIterable<Item>): { readonly items: Item[]; readonly ended: Promise<void> } {
  const items: Item[] = [];
  const read = async (): Promise<void> => {
    for await (const item of stream) items.push(item);
  };
  return { items, ended: read() };
}

const hasCome = ({ items }: { readonly items: readonly unknown[] }, count: number): Promise<void> =>
  eventually(10_000, async () => {
    await setTimeout(1);
    assert.equal(items.length, count);
  });

test('a health watch tells every change, NOT_SERVING at the start of draining last, and ends', async () => {
  const watch = reading(readStream(client, client.watch({ service: trainingName })));
  const ended = assert.rejects(watch.ended, hasCode('DRAINING'));
  await hasCome(watch, 1);
  for (const [index, isReady] of [true, false, true].entries()) {
    server.health.set(trainingName, isReady);
    server.health.set(trainingName, isReady);
    await hasCome(watch, index + 2);
  }
  await server.drain(5_000);
  await ended;
  const statuses = watch.items.map(({ status }) => status);
  assert.deepEqual(statuses, [NOT_SERVING, SERVING, NOT_SERVING, SERVING, NOT_SERVING]);
});

test('a watch of an unknown service says so and stays', async () => {
  const call = client.watch({ service: 'hyperswap.v1.Nothing' });
  const first = await new Promise((resolve) => call.once('data', resolve));
  assert.deepEqual(first, { status: SERVICE_UNKNOWN });
  let isOver = false;
  call.on('error', () => undefined).once('end', () => (isOver = true));
  await setTimeout(300);
  assert.equal(isOver, false);
  call.cancel();
});

test('draining: NOT_SERVING, new calls refused, watches ended at once, work finished', async () => {
  const work = reading(readStream(trainings, trainings.readPredictions({ training: 'x' })));
  const watch = reading(readStream(trainings, trainings.watchTraining({ training: 'x' })));
  const watchEnded = assert.rejects(watch.ended, hasCode('DRAINING'));
  await Promise.all([hasCome(work, 1), hasCome(watch, 1)]);
  const drained = server.drain(60_000);
  assert.equal(await healthOf(server.endpoint), NOT_SERVING);
  await assert.rejects(callUnary(trainings, 'listTrainings', everything), (error: unknown) => {
    assert.ok(HyperswapError.is(error, 'DRAINING') && error.retryAfterMilliseconds > 0, 'it says when to try again');
    return true;
  });
  const another = connect(TrainingServiceClient, server.endpoint);
  await assert.rejects(callUnary(another, 'listTrainings', everything), hasCode('DRAINING'));
  another.close();
  await watchEnded;
  finish();
  await work.ended;
  assert.deepEqual(
    work.items.flatMap(({ pixels }) => pixels),
    [1, 2],
  );
  await drained;
  await assert.rejects(callUnary(trainings, 'listTrainings', everything), hasCode('SERVICE_UNREACHABLE'));
});

test('draining: a stream with a silent client ends, one whose client goes on sending is finished', async () => {
  const client = connect(SceneServiceClient, server.endpoint);
  const silent = client.prepareScene();
  const busy = client.prepareScene();
  const [silentAnswers, answers] = [silent, busy].map((call) => reading(readStream(client, call)));
  const silentEnded = assert.rejects(silentAnswers!.ended, hasCode('DRAINING'));
  silent.write({ part: undefined });
  busy.write({ part: undefined });
  await Promise.all([hasCome(silentAnswers!, 1), hasCome(answers!, 1)]);
  const drained = server.drain(60_000);
  for (let request = 1; request < 20; request++) {
    await setTimeout(100);
    busy.write({ part: undefined });
  }
  await silentEnded;
  busy.end();
  await answers!.ended;
  assert.equal(answers!.items.length, 20);
  await drained;
  client.close();
});

test('draining: a stream whose client never stops sending ends at half of the grace, and what it sent before is answered', async () => {
  const client = connect(SceneServiceClient, server.endpoint);
  const call = client.prepareScene();
  const answers = reading(readStream(client, call));
  let sent = 0;
  const over = new AbortController();
  const ended = assert.rejects(answers.ended, hasCode('DRAINING')).finally(() => over.abort());
  call.write({ part: undefined });
  await hasCome(answers, ++sent);
  const start = performance.now();
  const drained = server.drain(4_000);
  while (!over.signal.aborted) {
    call.write({ part: undefined });
    sent += 1;
    await setTimeout(50);
  }
  await ended;
  await drained;
  const elapsed = performance.now() - start;
  assert.ok(elapsed > 1_500 && elapsed < 3_500, `it ended after ${elapsed.toFixed(0)} ms`);
  assert.ok(answers.items.length > 20 && answers.items.length <= sent, `${answers.items.length} of ${sent} answered`);
  client.close();
});

test('work that outlasts the grace is cut off', async () => {
  const work = reading(readStream(trainings, trainings.readPredictions({ training: 'x' })));
  // Not CANCELLED: the client can tell that it should call again.
  const cut = assert.rejects(work.ended, hasCode('DRAINING'));
  await hasCome(work, 1);
  const start = performance.now();
  await server.drain(200);
  await cut;
  assert.ok(performance.now() - start < 10_000, `${performance.now() - start} ms`);
  finish();
});
