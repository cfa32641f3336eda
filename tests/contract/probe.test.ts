/**
 * Probes of store and bus. They fail within their time when the server is gone or hangs, and succeed when it is back.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { EmbeddedBus, NatsBus, type Bus } from '@hyperswap/messaging';
import { DirectoryObjectStore, S3ObjectStore, type ObjectStore } from '@hyperswap/storage';
import { hasCode } from '../support/errors.js';
import { eventually } from '../support/fleet.js';
import { serversMissing, startMinio, startNats } from '../support/servers.js';

interface Probed {
  probe(milliseconds: number): Promise<void>;
}

interface Other {
  kill(): Promise<void>;
  start(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

async function failsInTime(probed: Probed, code: 'STORE_UNREACHABLE' | 'BUS_UNREACHABLE'): Promise<void> {
  const start = performance.now();
  await assert.rejects(probed.probe(500), hasCode(code));
  assert.ok(performance.now() - start < 1_000, `${performance.now() - start} ms`);
}

async function check(probed: Probed, other: Other, code: 'STORE_UNREACHABLE' | 'BUS_UNREACHABLE'): Promise<void> {
  await probed.probe(2_000);
  other.freeze();
  // All of its threads stop within a moment.
  await setTimeout(100);
  await failsInTime(probed, code);
  other.thaw();
  await eventually(10_000, () => probed.probe(2_000));
  await other.kill();
  await failsInTime(probed, code);
  await other.start();
  await eventually(10_000, () => probed.probe(2_000));
}

describe('probes', { skip: serversMissing }, () => {
  test('MinIO', async () => {
    const minio = await startMinio();
    after(() => minio.kill());
    const store = await S3ObjectStore.open(minio.settings);
    await check(store, minio, 'STORE_UNREACHABLE');
    await store.close();
  });

  test('NATS', async () => {
    const nats = await startNats();
    after(() => nats.kill());
    const bus = await NatsBus.open({ url: nats.url });
    await check(bus, nats, 'BUS_UNREACHABLE');
    await bus.close();
  });
});

test('probes of folders fail while another thing is in their place', async () => {
  const home = await mkdtemp(path.join(tmpdir(), 'hyperswap-probe-'));
  const [storeFolder, busFolder] = [path.join(home, 'store'), path.join(home, 'bus')];
  const store: ObjectStore = new DirectoryObjectStore(storeFolder);
  const bus: Bus = await EmbeddedBus.open({ directory: busFolder, work: 'private' });
  for (const [probed, folder, code] of [
    [store, storeFolder, 'STORE_UNREACHABLE'],
    [bus, busFolder, 'BUS_UNREACHABLE'],
  ] as const) {
    await probed.probe(500);
    await rename(folder, `${folder}.away`);
    await writeFile(folder, 'a file');
    await failsInTime(probed, code);
    await rm(folder);
    await rename(`${folder}.away`, folder);
    await probed.probe(500);
  }
  await bus.close();
});
