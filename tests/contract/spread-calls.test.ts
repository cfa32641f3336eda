/** Calls of a client whose endpoint has several addresses, as the name of a headless service has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrainingServiceClient, TrainingServiceService } from '@hyperswap/proto';
import { callUnary, connect, startServer, unaryHandler, type RunningServer } from '@hyperswap/rpc';
import { eventually } from '../support/fleet.js';

const everything = { pageSize: 0, pageToken: '' };

/** Starts a server that counts its calls. */
async function counting(): Promise<{ readonly server: RunningServer; readonly calls: () => number }> {
  let calls = 0;
  const listTrainings = unaryHandler(() => {
    calls += 1;
    return Promise.resolve({ trainings: [], nextPageToken: '' });
  });
  const name = 'hyperswap.v1.TrainingService';
  const hosted = { name, definition: TrainingServiceService, implementation: { listTrainings }, roles: {} };
  return { server: await startServer([hosted], { host: '127.0.0.1', port: 0 }), calls: () => calls };
}

test('one client calls all addresses of its endpoint in turn, and the others when one goes away', async () => {
  const [first, second] = await Promise.all([counting(), counting()]);
  const client = connect(TrainingServiceClient, `ipv4:${first.server.endpoint},${second.server.endpoint}`);
  const call = (): Promise<unknown> => callUnary(client, 'listTrainings', everything);
  try {
    // The second connection may be ready a moment later than the first.
    await eventually(5_000, async () => {
      await call();
      assert.ok(first.calls() > 0 && second.calls() > 0);
    });
    const before = [first.calls(), second.calls()];
    for (let i = 0; i < 10; i++) await call();
    assert.deepEqual([first.calls() - before[0]!, second.calls() - before[1]!], [5, 5]);
    await first.server.drain(1_000);
    await eventually(5_000, async () => {
      const kept = second.calls();
      for (let i = 0; i < 4; i++) await call();
      assert.equal(second.calls() - kept, 4);
    });
  } finally {
    client.close();
    await Promise.all([first.server.drain(0), second.server.drain(0)]);
  }
});
