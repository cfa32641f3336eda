import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Readiness, type Dependency } from '@hyperswap/host';
import { TrainingServiceService } from '@hyperswap/proto';
import { Health } from '@hyperswap/rpc';
import { createLogger } from '@hyperswap/telemetry';

const period = 20;
const name = 'hyperswap.v1.TrainingService';
const services = [{ name, definition: TrainingServiceService, implementation: {}, roles: {} }];

/** Dependency with scripted probe results; the last one repeats. */
function scripted(script: readonly ('answers' | 'fails' | 'hangs')[]): Dependency & { readonly probes: () => number } {
  let probes = 0;
  return {
    name: 'the store',
    probes: () => probes,
    probe: () => {
      const step = script[Math.min(probes++, script.length - 1)];
      if (step === 'answers') return Promise.resolve();
      return step === 'fails' ? Promise.reject(new Error('no')) : new Promise(() => undefined);
    },
  };
}

/** States of a service in order, with how many probes had begun by then. */
async function states(script: Parameters<typeof scripted>[0]): Promise<string[]> {
  const health = new Health([name]);
  const told: string[] = [];
  const dependency = scripted(script);
  let last: boolean | undefined;
  const set = health.set.bind(health);
  health.set = (service, isReady) => {
    if (isReady !== last) told.push(`${dependency.probes()}:${isReady ? 'serving' : 'not serving'}`);
    last = isReady;
    set(service, isReady);
  };
  const readiness = new Readiness([{ services }], [dependency], health, createLogger('silent', 'test'), period);
  while (dependency.probes() <= script.length) await setTimeout(period);
  readiness.stop();
  return told;
}

test('one or two slow or failed probes in a row change nothing', async () => {
  assert.deepEqual(await states(['hangs', 'answers', 'fails', 'hangs', 'answers', 'fails', 'answers']), ['0:serving']);
});

test('three in a row make the services not serving; two answers bring them back', async () => {
  assert.deepEqual(await states(['fails', 'hangs', 'fails', 'answers', 'fails', 'answers', 'answers', 'answers']), [
    '0:serving',
    '3:not serving',
    '7:serving',
  ]);
});

test('a service that is not ready of itself stays not serving, whatever answers', async () => {
  const health = new Health([name]);
  const told: boolean[] = [];
  health.set = (_, isReady) => told.push(isReady);
  let makeReady: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    makeReady = resolve;
  });
  const readiness = new Readiness(
    [{ services, ready }],
    [scripted(['answers'])],
    health,
    createLogger('silent', 'test'),
    period,
  );
  await setTimeout(5 * period);
  assert.deepEqual(told, []);
  makeReady();
  await setTimeout(period);
  assert.deepEqual(told, [true]);
  readiness.stop();
});
