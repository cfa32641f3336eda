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
import { collect } from '../support/collect.js';
import { hasCode } from '../support/errors.js';
import { healthOf, NOT_SERVING, SERVICE_UNKNOWN, SERVING } from '../support/health.js';

const trainingName = 'hyperswap.v1.TrainingService';
const sceneName = 'hyperswap.v1.SceneService';
const everything = { pageSize: 0, pageToken: '' };
const progress = (done: number): WatchTrainingResponse => {
  const value = { progress: { stage: 'training', done, total: 10 }, epoch: 0, loss: undefined };
  return { event: { $case: 'progress', value } };
};

let server: RunningServer;
let trainings: TrainingServiceClient;
let client: health.HealthClient;

beforeEach(async () => {
  const trainingMethods = {
    // Work with an end.
    readPredictions: serverStreamHandler(async function* () {
      for (let part = 0; part < 10; part++) {
        yield { pixels: [part], predictions: Buffer.alloc(1) };
        await setTimeout(200);
      }
    }),
    // News that never end.
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

test('a health watch tells every change, NOT_SERVING at the start of draining last, and ends', async () => {
  const told: number[] = [];
  const watching = (async () => {
    for await (const { status } of readStream(client, client.watch({ service: trainingName }))) told.push(status);
  })();
  const ended = assert.rejects(watching, hasCode('DRAINING'));
  for (const isReady of [true, false, true, true]) {
    await setTimeout(100);
    server.health.set(trainingName, isReady);
  }
  await setTimeout(100);
  await server.drain(5_000);
  await ended;
  assert.deepEqual(told, [NOT_SERVING, SERVING, NOT_SERVING, SERVING, NOT_SERVING]);
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
  const parts: number[] = [];
  const working = (async () => {
    for await (const { pixels } of readStream(trainings, trainings.readPredictions({ training: 'x' })))
      parts.push(...pixels);
  })();
  const watching = collect(readStream(trainings, trainings.watchTraining({ training: 'x' })));
  const watchEnded = assert.rejects(watching, hasCode('DRAINING')).then(() => performance.now());
  await setTimeout(200);
  const start = performance.now();
  const drained = server.drain(20_000);
  assert.equal(await healthOf(server.endpoint), NOT_SERVING);
  await assert.rejects(callUnary(trainings, 'listTrainings', everything), (error: unknown) => {
    assert.ok(HyperswapError.is(error, 'DRAINING') && error.retryAfterMilliseconds > 0, 'it says when to try again');
    return true;
  });
  const another = connect(TrainingServiceClient, server.endpoint);
  await assert.rejects(callUnary(another, 'listTrainings', everything), hasCode('DRAINING'));
  another.close();
  assert.ok((await watchEnded) - start < 1_000, 'the watch ended at once');
  await working;
  assert.deepEqual(parts, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  await drained;
  assert.ok(performance.now() - start < 10_000, `${performance.now() - start} ms`);
  await assert.rejects(callUnary(trainings, 'listTrainings', everything), hasCode('SERVICE_UNREACHABLE'));
});

test('draining: a stream with a silent client ends, one whose client goes on sending is finished', async () => {
  const client = connect(SceneServiceClient, server.endpoint);
  const silent = client.prepareScene();
  const busy = client.prepareScene();
  const silentEnded = assert.rejects(collect(readStream(client, silent)), hasCode('DRAINING'));
  const answers = collect(readStream(client, busy));
  silent.write({ part: undefined });
  busy.write({ part: undefined });
  await setTimeout(300);
  const start = performance.now();
  const drained = server.drain(20_000);
  for (let request = 1; request < 10; request++) {
    await setTimeout(300);
    busy.write({ part: undefined });
  }
  busy.end();
  await silentEnded;
  assert.equal((await answers).length, 10);
  await drained;
  assert.ok(performance.now() - start < 10_000, `${performance.now() - start} ms`);
  client.close();
});

test('work that outlasts the grace is cut off', async () => {
  const working = collect(readStream(trainings, trainings.readPredictions({ training: 'x' })));
  const cut = assert.rejects(working);
  await setTimeout(200);
  const start = performance.now();
  await server.drain(200);
  await cut;
  assert.ok(performance.now() - start < 10_000, `${performance.now() - start} ms`);
});
