/** Folder of the embedded bus: its own names, and damaged files. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { EmbeddedBus } from '@hyperswap/messaging';
import { abortedAfter } from '../support/bus-places.js';
import { hasCode } from '../support/errors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('embedded: the folders that the bus has for itself are no buckets', async () => {
  const bus = await EmbeddedBus.open({ directory: await temporaryFolder('bus'), work: 'kept' });
  for (const name of ['lock', 'processes', 'work']) {
    assert.throws(() => bus.keyValue(name), hasCode('NAME_INVALID', /other than lock, processes, work/));
  }
  assert.equal(await bus.isAlive('../lock'), false);
  await bus.close();
});

test('embedded: an item whose file cannot be read does not keep the others from being handed out', async () => {
  const directory = await temporaryFolder('bus');
  const first = await EmbeddedBus.open({ directory, work: 'kept' });
  await first.workQueue<number>('work').publish(1, 'one');
  await first.close();
  const folder = path.join(directory, 'work', 'work');
  await mkdir(path.join(folder, '7.json'));
  await writeFile(path.join(folder, '8.json'), '{"torn":');
  const second = await EmbeddedBus.open({ directory, work: 'kept' });
  assert.equal((await second.workQueue<number>('work').pull(abortedAfter(1000)))?.content, 1);
  await second.close();
});
