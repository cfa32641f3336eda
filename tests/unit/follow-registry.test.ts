import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { AdapterRegistry, AdapterState } from '@hyperswap/registry';
import { backboneConfigs } from '@hyperswap/spectralgpt';
import { createLogger } from '@hyperswap/telemetry';
import type { ProgramClient } from '@hyperswap/tensor';
import { BindingTable, followRegistry, type TileProgram } from '@hyperswap/tile-inference';

/** Pod that follows a registry of synthetic states, without an engine. */
function pod(desired: () => string[] = () => []) {
  const read: string[] = [];
  const watchers: ((name: string, state: AdapterState) => void)[] = [];
  const registry = {
    watch: (onChange: (name: string, state: AdapterState) => void) => {
      watchers.push(onChange);
      return () => undefined;
    },
    desired: () => {
      read.push('desired');
      return Promise.resolve(new Set(desired()));
    },
    admit: (reference: string) => {
      const version = reference.replace(/:.*/, '@2');
      return Promise.resolve({ reference: version, digest: version });
    },
    resolve: (reference: string) => {
      read.push(`manifest of ${reference}`);
      return Promise.resolve({ metadata: { patchSize: 9, bands: 1, pcaDigest: '', views: 1, classes: [] } });
    },
    readBlob: (reference: string) => {
      read.push(`blob of ${reference}`);
      return Promise.resolve(Buffer.alloc(1));
    },
  } as unknown as AdapterRegistry;
  const call = ((method: string) =>
    Promise.resolve(method === 'bind' ? 1 : undefined)) as ProgramClient<TileProgram>['call'];
  const logger = createLogger('silent', 'test');
  const backbone = { name: 'small', digest: 'small', config: backboneConfigs.mini, precision: 'float32' as const };
  const engine = { call } as ProgramClient<TileProgram>;
  const bindings = new BindingTable({ registry, engine, backbone, budgetBytes: 100, logger });
  const follower = followRegistry(registry, bindings, logger);
  const change = async (name: string, state: Partial<AdapterState>): Promise<void> => {
    for (const watcher of watchers) watcher(name, { versions: [], aliases: {}, ...state });
    await setTimeout(20);
  };
  return { read, bindings, follower, change };
}

test('a thousand changes of names that no pin concerns make a pod read nothing', async () => {
  const { read, follower, change } = pod();
  await follower.reconciler.settled;
  assert.deepEqual(read.splice(0), ['desired']);
  await Promise.all(Array.from({ length: 1000 }, (_, index) => change(`adapter-${index}`, { aliases: { stable: 2 } })));
  assert.deepEqual(read, []);
  await follower.stop();
});

test('a pod looks again when a name has pins, and when it holds a version of a name that has none any more', async () => {
  let wanted: string[] = [];
  const { read, bindings, follower, change } = pod(() => wanted);
  await follower.reconciler.settled;
  wanted = ['pinned@1'];
  await change('pinned', { pins: ['@1'] });
  assert.deepEqual(
    bindings.bound().map(({ reference }) => reference),
    ['pinned@1'],
  );
  wanted = [];
  await change('pinned', { pins: [] });
  assert.deepEqual(follower.reconciler.status(), []);
  assert.equal(read.filter((what) => what === 'desired').length, 3);
  await follower.stop();
});

test('an alias that moves is made ready on pods that serve the name, and on no other', async () => {
  const [serving, other] = [pod(), pod()];
  serving.bindings.release(await serving.bindings.acquire(await serving.bindings.admit('name@1')));
  for (const { change } of [serving, other]) await change('name', { aliases: { stable: 2 } });
  assert.ok(serving.read.includes('blob of name@2'), serving.read.join(', '));
  assert.ok(!other.read.includes('blob of name@2'), other.read.join(', '));
  for (const { follower } of [serving, other]) await follower.stop();
});
