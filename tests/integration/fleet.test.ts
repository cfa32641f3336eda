import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { DesiredState } from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { eventually, mapOf, startFleet, type Fleet, type Pod } from '../support/fleet.js';
import { serversMissing } from '../support/servers.js';
import { exportBlob, prepareToy, registerBlob, train } from '../support/services.js';

describe('a fleet of three pods on NATS and MinIO', { skip: serversMissing }, () => {
  let fleet: Fleet;
  let first: Pod;
  let pods: Pod[];

  before(async () => {
    fleet = await startFleet();
    first = await fleet.startPod('preprocessing,trainer,tile-inference');
    pods = [first, await fleet.startPod('tile-inference'), await fleet.startPod('tile-inference')];
    await prepareToy(first);
    await train(first, { adapter: 'toy', settings: { epochs: '6' } });
  });

  after(() => fleet.stop());

  const isServing = (pod: Pod, reference: string): Promise<void> =>
    eventually(10_000, async () => {
      const { desired } = await callUnary(pod.tiles, 'getStatus', {});
      const found = desired.find(({ adapter }) => adapter === reference);
      assert.equal(
        found?.state,
        DesiredState.DESIRED_STATE_BOUND,
        `${reference}: ${found?.error?.message ?? 'not desired'}`,
      );
    });

  test('what one process trained all of them serve, with the same bytes', async () => {
    const maps = await Promise.all(pods.map((pod) => mapOf(pod, 'toy@1', 0)));
    assert.deepEqual(maps[1], maps[0]);
    assert.deepEqual(maps[2], maps[0]);
  });

  test('a scene job is done by several pods', async () => {
    const counts = async (): Promise<number[]> =>
      Promise.all(pods.map(async (pod) => (await callUnary(pod.tiles, 'getStatus', {})).classifiedPatches));
    const before = await counts();
    await mapOf(first, 'toy@1', 4);
    const shares = (await counts()).map((count, index) => count - before[index]!);
    assert.equal(
      shares.reduce((sum, share) => sum + share, 0),
      24 * 30,
    );
    assert.ok(shares.filter((share) => share > 0).length > 1, shares.join());
  });

  test('a version of a pinned name is ready on every pod soon after it was published', async (context) => {
    await callUnary(first.adapters, 'pinAdapter', { adapter: 'toy', undo: false });
    await Promise.all(pods.map((pod) => isServing(pod, 'toy@1')));
    const milliseconds: number[] = [];
    for (let version = 2; version <= 6; version++) {
      await train(first, { adapter: 'draft', seed: version, settings: { epochs: '2' } });
      const blob = await exportBlob(first, `draft@${version - 1}`);
      const start = performance.now();
      await registerBlob(first, 'toy', blob);
      await Promise.all(pods.map((pod) => isServing(pod, `toy@${version}`)));
      milliseconds.push(performance.now() - start);
    }
    milliseconds.sort((a, b) => a - b);
    const [median, most] = [milliseconds[2]!, milliseconds.at(-1)!];
    context.diagnostic(`published to serving on 3 pods: median ${median.toFixed(0)} ms, most ${most.toFixed(0)} ms`);
    const { desired } = await callUnary(pods[1]!.tiles, 'getStatus', {});
    assert.deepEqual(
      desired.map(({ adapter }) => adapter),
      ['toy@6'],
      'the version that was the newest before is let go',
    );
  });

  test('changes made at one pod are watched at another', async () => {
    const { adapters } = pods[2]!;
    const call = adapters.watchAdapters({});
    const seen = (async () => {
      for await (const { name, aliases } of readStream(adapters, call)) {
        if (name === 'toy' && aliases.watched === 2) return;
      }
    })();
    // The watcher may not listen yet when the first change is made.
    await eventually(5000, async () => {
      await callUnary(first.adapters, 'setAlias', { adapter: 'toy@3', alias: 'watched' });
      await callUnary(first.adapters, 'setAlias', { adapter: 'toy@2', alias: 'watched' });
      assert.equal(await Promise.race([seen.then(() => true), setTimeout(500, false)]), true, 'nothing was seen');
    });
  });

  test('retired versions that nothing names are cleared away, and their numbers are not given again', async () => {
    for (const adapter of ['draft@4', 'draft@5', 'toy@2']) {
      await callUnary(first.adapters, 'retireAdapter', { adapter, undo: false });
    }
    const { adapters } = await callUnary(pods[1]!.adapters, 'collectAdapters', {});
    assert.deepEqual(adapters.sort(), ['draft@4', 'draft@5'], 'toy@2 has an alias');
    const { adapter } = await train(first, { adapter: 'draft', seed: 77, settings: { epochs: '2' } });
    assert.equal(adapter!.version, 6);
  });
});
