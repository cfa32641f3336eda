/** Damaged blobs, and a MinIO without space. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readAdapter, writeAdapter } from '@hyperswap/adapter';
import { DesiredState } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import { eventually, mapOf, startFleet, type Fleet, type Pod } from '../support/fleet.js';
import { hasCode } from '../support/errors.js';
import { minioClient, serversMissing } from '../support/servers.js';
import { importOtherConfig } from '../support/import-backbone.js';
import { exportBlob, prepareToy, registerBlob, train } from '../support/services.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const everything = { pageSize: 0, pageToken: '' };
const diskBytes = 1600 * 1024 * 1024;

/** A small disk of its own, in memory; undefined where none may be mounted. */
async function mountSmallDisk(): Promise<string | undefined> {
  const directory = await temporaryFolder('disk');
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', directory], { stdio: 'ignore' });
    return directory;
  } catch {
    return undefined;
  }
}

const disk = serversMissing === undefined ? await mountSmallDisk() : undefined;

describe('a store that fails', { skip: serversMissing }, () => {
  let fleet: Fleet;
  let first: Pod;
  let blob: Buffer;
  /** The map of an undisturbed run. */
  let wanted: Buffer;

  before(async () => {
    fleet = await startFleet(disk === undefined ? undefined : path.join(disk, 'objects'));
    first = await fleet.startPod('preprocessing,trainer,tile-inference', { HYPERSWAP_JOB_RETRY_MILLISECONDS: '500' });
    await prepareToy(first);
    await train(first, { adapter: 'toy', settings: { epochs: '6' } });
    wanted = await mapOf(first, 'toy@1', 0);
    blob = await exportBlob(first, 'toy');
  });

  after(async () => {
    await fleet.stop();
    if (disk !== undefined) execFileSync('umount', ['--lazy', disk]);
  });

  const failsBecause = (reference: string, reason: RegExp): Promise<void> =>
    eventually(10_000, async () => {
      const { desired } = await callUnary(first.tiles, 'getStatus', {});
      const found = desired.find(({ adapter }) => adapter === reference);
      assert.equal(found?.state, DesiredState.DESIRED_STATE_FAILED);
      assert.match(found.error?.message ?? '', reason);
    });

  /**
   * A map without space in the store: its job reports the reason for waiting, and fails with it after the last retry.
   */
  async function mapFailsWithoutSpace(): Promise<void> {
    const waits = new Set<string | undefined>();
    let isOver = false;
    const failed = assert.rejects(mapOf(first, 'toy@1', 0), hasCode('STORE_FULL', /Free space/));
    const watched = eventually(30_000, async () => {
      const { jobs } = await callUnary(first.sceneJobs, 'listSceneJobs', everything);
      waits.add(jobs[0]!.status!.waitingFor?.code);
      assert.ok(isOver || waits.has('STORE_FULL'));
    });
    await failed.finally(() => (isOver = true));
    await watched;
    assert.ok(waits.has('STORE_FULL'), 'it said why it waited');
    const { jobs } = await callUnary(first.sceneJobs, 'listSceneJobs', everything);
    assert.deepEqual([jobs[0]!.status!.error?.code, jobs[0]!.status!.waitingFor], ['STORE_FULL', undefined]);
  }

  test('a blob that was cut off in the store is not served, and all else is', async () => {
    await train(first, { adapter: 'short', seed: 7, settings: { epochs: '2' } });
    const { bucket } = fleet.minio.settings;
    const half = (await exportBlob(first, 'short')).subarray(0, 3000);
    // With a checksum of its own, as another writer would leave it: the object is whole, the adapter is not.
    const sha256 = createHash('sha256').update(half).digest('hex');
    const key = 'adapters/short/1/adapter.safetensors';
    await minioClient(fleet.minio).putObject(bucket, key, half, undefined, { 'x-amz-meta-sha256': sha256 });
    await callUnary(first.adapters, 'pinAdapter', { adapter: 'short', undo: false });
    await failsBecause('short@1', /damaged/);
    await assert.rejects(mapOf(first, 'short@1', 0), hasCode('OBJECT_DAMAGED'));
    assert.deepEqual(await mapOf(first, 'toy@1', 0), wanted);
  });

  test('an adapter of another backbone is told so on every pod that is to hold it, and all else is served', async () => {
    const adapter = readAdapter('toy', blob);
    const { name, digest } = await importOtherConfig(first, 'another', { heads: 3 });
    const backbone = { name, digest };
    const stranger = writeAdapter({ ...adapter, metadata: { ...adapter.metadata, backbone } });
    await registerBlob(first, 'stranger', stranger);
    await callUnary(first.adapters, 'pinAdapter', { adapter: 'stranger', undo: false });
    await failsBecause('stranger@1', /another.*spectralgpt-mini/);
    await assert.rejects(mapOf(first, 'stranger', 0), hasCode('ADAPTER_BACKBONE'));
    assert.deepEqual(await mapOf(first, 'toy@1', 0), wanted);
  });

  test('a disk without space: what cannot be kept is refused, nothing is lost, and space mends it', async (t) => {
    if (disk === undefined) {
      t.skip('no small disk can be mounted here');
      return;
    }
    const other = await exportBlob(first, 'toy');
    const changed = readAdapter('toy', other);
    const training = { ...changed.metadata.training, seed: 99 };
    const fresh = writeAdapter({ ...changed, metadata: { ...changed.metadata, training } });
    const before = await callUnary(first.adapters, 'listAdapters', everything);
    const filler = path.join(disk, 'filler');
    assert.throws(() => writeFileSync(filler, Buffer.alloc(diskBytes)), /ENOSPC/);
    await assert.rejects(registerBlob(first, 'fresh', fresh), hasCode('STORE_FULL', /space/));
    await assert.rejects(prepareToy(first, 'another'), hasCode('STORE_FULL'));
    await mapFailsWithoutSpace();
    assert.deepEqual(await callUnary(first.adapters, 'listAdapters', everything), before);
    rmSync(filler);
    // MinIO looks at its disk every few seconds.
    await eventually(30_000, async () => assert.equal((await registerBlob(first, 'fresh', fresh)).version, 1));
    assert.deepEqual(await mapOf(first, 'toy@1', 0), wanted);
    await prepareToy(first, 'another');
  });
});
