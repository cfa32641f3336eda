/** Health of processes while their dependencies fail and recover, and the end of processes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { health } from '@hyperswap/proto';
import { callUnary, connect, readStream } from '@hyperswap/rpc';
import { collect } from '../support/collect.js';
import { hasCode } from '../support/errors.js';
import { eventually, startFleet, type Fleet, type Pod } from '../support/fleet.js';
import { healthOf, NOT_SERVING, SERVING } from '../support/health.js';
import { serversMissing } from '../support/servers.js';

const allServices = 'preprocessing,trainer,tile-inference';
const serviceNames = ['SceneService', 'TrainingService', 'TileService', 'AdapterService'].map(
  (name) => `hyperswap.v1.${name}`,
);
/** Milliseconds between probes, so that tests need not wait long. */
const period = 200;
const environment = { HYPERSWAP_HEALTH_MILLISECONDS: String(period), HYPERSWAP_LOG_LEVEL: 'error' };

/** Follows the standard error of a process. */
function listen({ process: child }: Pod): () => string {
  let said = '';
  child.stderr?.on('data', (text: Buffer) => (said += text.toString()));
  return () => said;
}

/** Waits for a process to end by itself. */
async function end(
  { process: child }: Pod,
  milliseconds: number,
): Promise<{ code: number | null; milliseconds: number }> {
  const start = performance.now();
  const code =
    child.exitCode ?? ((await once(child, 'exit', { signal: AbortSignal.timeout(milliseconds) }))[0] as number | null);
  return { code, milliseconds: performance.now() - start };
}

describe('health of a process', { skip: serversMissing }, () => {
  let fleet: Fleet;

  before(async () => {
    fleet = await startFleet();
  });

  after(() => fleet.stop());

  /** @returns milliseconds until overall health, and that of each service, was as wanted */
  async function becomes(
    pod: Pod,
    wanted: health.HealthCheckResponse_ServingStatus,
    names = serviceNames,
  ): Promise<number> {
    const start = performance.now();
    await eventually(20_000, async () => {
      for (const name of ['', ...names]) assert.equal(await healthOf(pod.endpoint, name), wanted, name);
    });
    return performance.now() - start;
  }

  test('NATS or MinIO killed, or hanging: NOT_SERVING until it is back; the process itself is alive all the time', async (context) => {
    const pod = await fleet.startPod(allServices, environment);
    const said = listen(pod);
    await becomes(pod, SERVING);
    for (const [name, server] of [
      ['NATS', fleet.nats],
      ['MinIO', fleet.minio],
    ] as const) {
      await server.kill();
      context.diagnostic(`${name} killed: NOT_SERVING after ${(await becomes(pod, NOT_SERVING)).toFixed(0)} ms`);
      assert.equal(await healthOf(pod.endpoint, 'liveness'), SERVING);
      await server.start();
      context.diagnostic(`${name} back: SERVING after ${(await becomes(pod, SERVING)).toFixed(0)} ms`);
      server.freeze();
      context.diagnostic(`${name} hangs: NOT_SERVING after ${(await becomes(pod, NOT_SERVING)).toFixed(0)} ms`);
      server.thaw();
      context.diagnostic(`${name} goes on: SERVING after ${(await becomes(pod, SERVING)).toFixed(0)} ms`);
    }
    assert.match(said(), /does not answer.*NATS|NATS.*does not answer/);
    await pod.stop();
  });

  test('MinIO that hangs for less than three probes changes nothing', async () => {
    const slow = 500;
    const pod = await fleet.startPod('preprocessing', { ...environment, HYPERSWAP_HEALTH_MILLISECONDS: String(slow) });
    await becomes(pod, SERVING, []);
    const client = connect(health.HealthClient, pod.endpoint);
    const told: number[] = [];
    const call = client.watch({ service: '' });
    call.on('data', ({ status }: health.HealthCheckResponse) => told.push(status)).on('error', () => undefined);
    for (let turn = 0; turn < 3; turn++) {
      fleet.minio.freeze();
      await setTimeout(slow);
      fleet.minio.thaw();
      await setTimeout(3 * slow);
    }
    assert.deepEqual(told, [SERVING]);
    call.cancel();
    client.close();
    await pod.stop();
  });

  test('an executor that ends: a watcher is told NOT_SERVING, and the process ends with an error and its reason', async (context) => {
    const crash = new URL('../support/crashing-executor.js', import.meta.url).href;
    const pod = await fleet.startPod(allServices, { ...environment, NODE_OPTIONS: `--import ${crash}` });
    const said = listen(pod);
    await becomes(pod, SERVING);
    const client = connect(health.HealthClient, pod.endpoint);
    const told: number[] = [];
    const watching = (async () => {
      for await (const { status } of readStream(client, client.watch({ service: '' }))) told.push(status);
    })();
    const watchEnded = assert.rejects(watching);
    await eventually(5_000, async () => {
      await setTimeout(20);
      assert.deepEqual(told, [SERVING]);
    });
    pod.process.kill('SIGUSR2');
    const { code, milliseconds } = await end(pod, 10_000);
    context.diagnostic(`the process ended after ${milliseconds.toFixed(0)} ms`);
    assert.equal(code, 1);
    await watchEnded;
    assert.deepEqual(told, [SERVING, NOT_SERVING]);
    assert.match(said(), /executor thread stopped: its worker ended with code 1/);
    client.close();
  });

  test('SIGTERM with idle watches open: they end with DRAINING, and the process within three seconds', async (context) => {
    const pod = await fleet.startPod(allServices, environment);
    await becomes(pod, SERVING);
    const client = connect(health.HealthClient, pod.endpoint);
    const watches = [
      readStream(pod.adapters, pod.adapters.watchAdapters({})),
      readStream(client, client.watch({ service: serviceNames[0]! })),
    ].map((watch) => collect(watch as AsyncIterable<unknown>));
    const ended = watches.map((watch) => assert.rejects(watch, hasCode('DRAINING')));
    // Calls of a connection arrive in their order.
    await callUnary(pod.adapters, 'listAdapters', { pageSize: 0, pageToken: '' });
    await callUnary(client, 'check', { service: '' });
    pod.process.kill('SIGTERM');
    const { code, milliseconds } = await end(pod, 10_000);
    context.diagnostic(`the process ended after ${milliseconds.toFixed(0)} ms`);
    assert.equal(code, 0);
    await Promise.all(ended);
    assert.ok(milliseconds < 3_000, `${milliseconds} ms`);
    client.close();
  });
});
