/** Uploads of scenes by the command line. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { callUnary } from '@hyperswap/rpc';
import { makeWorkspace } from '../support/command.js';
import { startCuttingProxy } from '../support/cut-connections.js';
import { npy, startServices, toyScene } from '../support/services.js';

test('the command sends a scene to its end though its connections are cut off, and repeats no stored row', async () => {
  const services = await startServices();
  const { directory, run } = await makeWorkspace();
  const { height, width, bands, values, labels } = toyScene(500, 400, 60);
  await writeFile(path.join(directory, 'large.npy'), npy([height, width, bands], values));
  await writeFile(path.join(directory, 'large-labels.npy'), npy([height, width], labels));
  const prepare = async (endpoint: string): Promise<string> => {
    const flags = ['--endpoint', endpoint, '--json', 'scenes', 'prepare', 'large.npy', '--labels', 'large-labels.npy'];
    const { code, stdout, stderr } = await run(...flags);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const undisturbed = await prepare(services.host.server.endpoint);
  await callUnary(services.scenes, 'deleteScene', { name: 'large' });
  // The scene has 24 MB: the second connection begins after some of the first one's blocks.
  const proxy = await startCuttingProxy(services.host.server.endpoint, { connections: 2, bytes: 11_000_000 });
  assert.deepEqual(JSON.parse(await prepare(proxy.endpoint)), JSON.parse(undisturbed));
  assert.equal(proxy.cut(), 2);
  proxy.close();
  await services.stop();
});
