/** Worker processes that a scheduler such as KEDA starts for waiting work, and that end when idle. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { startPod } from '../support/fleet.js';
import { prepareToy, train } from '../support/services.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const idleSeconds = 2;

test('a worker does not end while it trains, and ends with exit code 0 when nothing has run for a while', async () => {
  const home = await temporaryFolder('worker');
  const pod = await startPod('preprocessing,trainer', {
    ...process.env,
    NATS_URL: '',
    S3_ENDPOINT: '',
    HYPERSWAP_HOME: home,
    HYPERSWAP_LOG_LEVEL: 'silent',
    HYPERSWAP_IDLE_EXIT_SECONDS: String(idleSeconds),
  });
  const exit = once(pod.process, 'exit');
  await prepareToy(pod);
  const start = performance.now();
  // Long enough that a clock that starts with the process would end it.
  const { adapter } = await train(pod, { method: 'krona+', adapter: 'toy', settings: { epochs: '15' } });
  assert.equal(adapter?.version, 1);
  const seconds = (performance.now() - start) / 1000;
  assert.ok(seconds > idleSeconds, `the training took ${seconds.toFixed(1)} s: make it longer`);
  assert.deepEqual(await exit, [0, null]);
});
