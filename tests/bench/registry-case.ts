/**
 * Thousands of adapters on NATS and MinIO, in a process of its own: `registry-case.js registry JSON`, prints latencies
 * in milliseconds. Requests go through a pod's gRPC; `cold` is a pod that has just started.
 */
import { readAdapter, writeAdapter } from '@hyperswap/adapter';
import { callUnary } from '@hyperswap/rpc';
import { startFleet, type Pod } from '../support/fleet.js';
import { exportBlob, prepareToy, registerBlob, train } from '../support/services.js';
import { summary } from './measure.js';

export interface RegistryMeasured {
  readonly registerMilliseconds: number;
  readonly startMilliseconds: number;
  readonly coldPageMilliseconds: number;
  readonly coldListMilliseconds: number;
  readonly warmListMilliseconds: number;
  readonly resolveMilliseconds: { readonly median: number; readonly p99: number };
}

const atOnce = 16;
const { adapters } = JSON.parse(process.argv[3] ?? '{}') as { readonly adapters: number };
const fleet = await startFleet();
try {
  const first = await fleet.startPod('preprocessing,trainer,tile-inference');
  await prepareToy(first);
  await train(first, { adapter: 'toy', settings: { epochs: '1' } });
  const adapter = readAdapter('toy', await exportBlob(first, 'toy'));
  let next = 0;
  const start = performance.now();
  const register = async (): Promise<void> => {
    for (let index = next++; index < adapters; index = next++) {
      // A different seed in the metadata makes a different blob.
      const training = { ...adapter.metadata.training, seed: 1000 + index };
      await registerBlob(
        first,
        nameOf(index),
        writeAdapter({ ...adapter, metadata: { ...adapter.metadata, training } }),
      );
    }
  };
  await Promise.all(Array.from({ length: atOnce }, register));
  const registerMilliseconds = (performance.now() - start) / adapters;

  const starting = performance.now();
  const second = await fleet.startPod('tile-inference');
  const startMilliseconds = performance.now() - starting;
  const coldPageMilliseconds = await timed(async () => {
    await callUnary(second.adapters, 'listAdapters', { pageSize: 0, pageToken: '' });
  });
  const coldListMilliseconds = await timed(() => listAll(second));
  const warmListMilliseconds = await timed(() => listAll(second));
  const resolving: number[] = [];
  for (let i = 0; i < 500; i++) {
    const reference = nameOf((i * 7919) % adapters);
    resolving.push(
      await timed(async () => {
        await callUnary(second.adapters, 'getAdapter', { adapter: reference });
      }),
    );
  }
  const p99 = resolving.sort((a, b) => a - b)[Math.floor(0.99 * resolving.length)]!;
  const found: RegistryMeasured = {
    registerMilliseconds,
    startMilliseconds,
    coldPageMilliseconds,
    coldListMilliseconds,
    warmListMilliseconds,
    resolveMilliseconds: { median: summary(resolving).median, p99 },
  };
  console.log(JSON.stringify(found));
} finally {
  await fleet.stop();
}

function nameOf(index: number): string {
  return `made-up-${String(index).padStart(6, '0')}`;
}

async function listAll({ adapters: registry }: Pod): Promise<void> {
  let found = 0;
  for (let pageToken = ''; ;) {
    const page = await callUnary(registry, 'listAdapters', { pageSize: 0, pageToken });
    found += page.adapters.length;
    if (page.nextPageToken === '') break;
    pageToken = page.nextPageToken;
  }
  if (found !== adapters + 1) throw new Error(`${found} adapters are listed`);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
