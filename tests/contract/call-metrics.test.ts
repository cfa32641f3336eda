/** Metrics of calls, including calls that never reach a handler. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { failure } from '@hyperswap/errors';
import { createKeyFiles, issueToken, readPrivateKey, TokenVerifier } from '@hyperswap/keys';
import { StartTrainingRequest, TrainingServiceClient, TrainingServiceService } from '@hyperswap/proto';
import {
  callUnary,
  connect,
  readStream,
  startServer,
  unaryHandler,
  watchHandler,
  type RunningServer,
  type ServerGuard,
} from '@hyperswap/rpc';
import { startTelemetry, type Telemetry } from '@hyperswap/telemetry';
import { eventually } from '../support/fleet.js';
import { RawCall, rawFields } from '../support/raw-call.js';

const serviceName = 'hyperswap.v1.TrainingService';
const everything = { pageSize: 0, pageToken: '' };
const forever = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

/** Called when an open call has arrived. */
let opened: () => void = () => undefined;

const implementation = {
  listTrainings: unaryHandler(() => Promise.resolve({ trainings: [], nextPageToken: '' })),
  listMethods: unaryHandler(() => Promise.reject(failure('JOB_NOT_FOUND', { kind: 'training', job: 'x' }))),
  cancelTraining: unaryHandler(async (_, { signal }) => {
    opened();
    await forever(signal);
    throw signal.reason as Error;
  }),
  watchTraining: watchHandler(async function* (_, { signal }) {
    opened();
    await forever(signal);
  }),
};

function start(guard: ServerGuard = {}, requestMilliseconds = 30_000): Promise<RunningServer> {
  const hosted = {
    name: serviceName,
    definition: TrainingServiceService,
    implementation,
    roles: { listMethods: 'operator' },
  } as const;
  return startServer([hosted], { host: '127.0.0.1', port: 0, requestMilliseconds }, guard);
}

describe('calls are counted by method and code, and no call is counted twice', () => {
  let telemetry: Telemetry;
  let server: RunningServer;
  let trainings: TrainingServiceClient;
  let last: Map<string, number>;

  /** Counts by `Method CODE`. */
  const counts = async (): Promise<Map<string, number>> => {
    const samples = (await telemetry.snapshot()).filter(({ name }) => name === 'hyperswap.rpc.calls');
    return new Map(samples.map(({ labels, value }) => [`${String(labels.method)} ${String(labels.code)}`, value]));
  };
  /** Checks what was counted since the last check. */
  const counted = async (expected: Readonly<Record<string, number>>): Promise<void> => {
    await eventually(5_000, async () => {
      const now = await counts();
      const more = [...now].map(([key, value]) => [key, value - (last.get(key) ?? 0)] as const);
      assert.deepEqual(Object.fromEntries(more.filter(([, value]) => value !== 0)), expected);
    });
    last = await counts();
  };

  before(async () => {
    telemetry = await startTelemetry('test', { host: '', port: 0 });
    server = await start();
    trainings = connect(TrainingServiceClient, server.endpoint);
    last = await counts();
  });

  after(async () => {
    trainings.close();
    await server.drain(1000);
    await telemetry.stop();
  });

  test('those that a handler answers', async () => {
    await callUnary(trainings, 'listTrainings', everything);
    await assert.rejects(callUnary(trainings, 'listMethods', { backbone: '' }));
    await counted({ [`${serviceName}/ListTrainings OK`]: 1, [`${serviceName}/ListMethods JOB_NOT_FOUND`]: 1 });
  });

  test('those that their client cancels', async () => {
    const controller = new AbortController();
    const watch = readStream(trainings, trainings.watchTraining({ training: 'x' }), controller.signal).next();
    setTimeout(100).then(
      () => controller.abort(),
      () => undefined,
    );
    await assert.rejects(watch);
    await counted({ [`${serviceName}/WatchTraining CANCELLED`]: 1 });
  });

  test('those whose deadline passes', async () => {
    const headers = { 'grpc-timeout': '100m' };
    const call = new RawCall(server.endpoint, `/${serviceName}/CancelTraining`, Buffer.alloc(0), headers);
    for await (const message of call.messages()) assert.fail(`${message.byteLength} bytes`);
    assert.equal(call.fields['grpc-status'], '4');
    call.close();
    await counted({ [`${serviceName}/CancelTraining DEADLINE`]: 1 });
  });

  test('those of bytes that are no message', async () => {
    await rawFields(server.endpoint, `/${serviceName}/ListTrainings`, Buffer.from([0xff, 0xff]));
    await counted({ [`${serviceName}/ListTrainings MESSAGE_INVALID`]: 1 });
  });

  test('those whose message is too large', async () => {
    const call = new RawCall(server.endpoint, `/${serviceName}/StartTraining`);
    // The length alone is enough: what follows is never read.
    call.sendLength(65 * 1024 ** 2);
    for await (const message of call.messages()) assert.fail(`${message.byteLength} bytes`);
    assert.equal(call.fields['grpc-status'], '8');
    call.close();
    await counted({ [`${serviceName}/StartTraining RESOURCE_EXHAUSTED`]: 1 });
  });

  test('those of methods and services that are not there, under one name', async () => {
    const request = StartTrainingRequest.encode(StartTrainingRequest.fromPartial({})).finish();
    await rawFields(server.endpoint, `/${serviceName}/StartTraining`, request);
    await rawFields(server.endpoint, `/${serviceName}/NoSuchMethod`, request);
    const fields = await rawFields(server.endpoint, '/some.Other/Method', request);
    assert.equal(fields['grpc-status'], '12');
    assert.match(decodeURI(fields['grpc-message']!), /\/some\.Other\/Method/);
    await counted({ [`${serviceName}/StartTraining UNIMPLEMENTED`]: 1, 'unknown UNIMPLEMENTED': 2 });
  });

  test('those whose request does not arrive', async () => {
    const impatient = await start({}, 100);
    const call = new RawCall(impatient.endpoint, `/${serviceName}/ListTrainings`);
    for await (const message of call.messages()) assert.fail(`${message.byteLength} bytes`);
    call.close();
    await impatient.drain(1000);
    await counted({ [`${serviceName}/ListTrainings DEADLINE`]: 1 });
  });

  test('those without a token, or without the role', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-counted-'));
    const files = await createKeyFiles(directory);
    const settings = { keysFile: files.publicKeys, audience: 'hyperswap', issuer: '' };
    const guarded = await start({ tokens: await TokenVerifier.open(settings) });
    const key = readPrivateKey('key', files.privateKey);
    const token = await issueToken(key, { subject: 'me', roles: ['reader'], audience: 'hyperswap', hours: 1 });
    const tokenFile = path.join(directory, 'token');
    await writeFile(tokenFile, token, { mode: 0o600 });
    const [anybody, reader] = [{}, { tokenFile }].map((access) =>
      connect(TrainingServiceClient, guarded.endpoint, access),
    );
    await assert.rejects(callUnary(anybody!, 'listTrainings', everything));
    await assert.rejects(callUnary(reader!, 'listMethods', { backbone: '' }));
    await callUnary(reader!, 'listTrainings', everything);
    for (const client of [anybody, reader]) client!.close();
    await guarded.drain(1000);
    await rm(directory, { recursive: true });
    await counted({
      [`${serviceName}/ListTrainings TOKEN_MISSING`]: 1,
      [`${serviceName}/ListMethods ROLE_MISSING`]: 1,
      [`${serviceName}/ListTrainings OK`]: 1,
    });
  });

  test('those that come while the server drains, and those that it ends', async () => {
    const ending = await start();
    const client = connect(TrainingServiceClient, ending.endpoint);
    const open = async <Result>(call: () => Promise<Result>): Promise<{ readonly end: Promise<Result> }> => {
      const isOpen = new Promise<void>((resolve) => (opened = resolve));
      const end = call();
      end.catch(() => undefined);
      await isOpen;
      return { end };
    };
    const controller = new AbortController();
    const { signal } = controller;
    const slow = await open(() => callUnary(client, 'cancelTraining', { training: 'x' }, { signal }));
    const watch = await open(() => readStream(client, client.watchTraining({ training: 'x' })).next());
    const drained = ending.drain(30_000);
    await rawFields(ending.endpoint, `/${serviceName}/ListTrainings`, Buffer.alloc(0));
    await assert.rejects(watch.end);
    controller.abort();
    await assert.rejects(slow.end);
    client.close();
    await drained;
    await counted({
      [`${serviceName}/ListTrainings DRAINING`]: 1,
      [`${serviceName}/WatchTraining DRAINING`]: 1,
      [`${serviceName}/CancelTraining CANCELLED`]: 1,
    });
  });
});
