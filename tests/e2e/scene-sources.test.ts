/** Scenes that the service reads itself, by the command line. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Scene } from '@hyperswap/proto';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { makeWorkspace, type Finished, type Workspace } from '../support/command.js';
import { cogSize, madeUpCog, startRangeServer, type RangeServer } from '../support/range-server.js';
import { npy, startServices, type Services } from '../support/services.js';

describe('hyperswap scenes prepare of a place that the services read', () => {
  let server: RangeServer;
  let services: Services;
  let workspace: Workspace;
  let file: Buffer;
  const { height, width, bands } = cogSize;

  before(async () => {
    ({ file } = await madeUpCog());
    server = await startRangeServer(file);
    services = await startServices({ sceneUrls: `${server.origin}/allowed/` });
    workspace = await makeWorkspace();
    await writeFile(path.join(workspace.directory, 'far.tif'), file);
    const labels = Uint8Array.from({ length: height * width }, (_, pixel) => pixel % 3);
    await writeFile(path.join(workspace.directory, 'far-labels.npy'), npy([height, width], labels));
    const waves = Array.from({ length: bands }, (_, band) => `${500 + 20 * band}`).join('\n');
    await writeFile(path.join(workspace.directory, 'waves.csv'), waves);
  });

  after(async () => {
    await services.stop();
    server.close();
  });

  const run = (...args: string[]): Promise<Finished> =>
    workspace.run('--endpoint', services.host.server.endpoint, '--json', 'scenes', 'prepare', ...args);

  async function prepared(...args: string[]): Promise<Scene> {
    const { code, stdout, stderr } = await run(...args);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Scene;
  }

  test('a COG at a URL and an object of the store make the scene that its file makes, with labels and options of this machine', async () => {
    const options = ['--labels', 'far-labels.npy', '--wavelengths', 'waves.csv', '--bad-bands', '2-3'];
    const own = await prepared('far.tif', '--name', 'own', ...options);
    const read = await prepared(`${server.origin}/allowed/Far%20Field.tif`, '--name', 'read', ...options);
    await new DirectoryObjectStore(path.join(services.home, 'store')).put('uploads/site/far.tif', file);
    const stored = await prepared('store:site/far.tif', ...options);
    assert.equal(stored.name, 'far');
    for (const scene of [read, stored]) {
      assert.equal(scene.pcaDigest, own.pcaDigest);
      assert.deepEqual(scene.raster, own.raster);
      assert.deepEqual(scene.labelMaps, own.labelMaps);
      assert.deepEqual(scene.statistics, own.statistics);
    }
    assert.equal(own.raster!.wavelengths[0], 500);
  });

  for (const [what, args, reason] of [
    ['a URL outside the list', ['http://127.0.0.1:1/allowed/x.tif'], /SCENE_SOURCE_REFUSED.*HYPERSWAP_SCENE_URLS/],
    ['an object that is not there', ['store:none.tif'], /SCENE_SOURCE_UNREADABLE.*store:none\.tif/],
    ['an option of reading that the service does not take', ['store:site/far.tif', '--variable', 'x'], /--variable/],
    [
      'labels out of a file that is not here',
      ['store:site/far.tif', '--labels', ':truth'],
      /only the services read it/,
    ],
  ] as const) {
    test(`${what} is refused`, async () => {
      const { code, stderr } = await run(...args, '--name', 'refused');
      assert.equal(code, 1);
      assert.match(stderr, reason);
    });
  }

  test('classify names the way to a map of a URL', async () => {
    const { code, stderr } = await workspace.run(
      ...['--endpoint', services.host.server.endpoint, 'classify', '--scene', `${server.origin}/allowed/far.tif`],
      ...['--adapter', 'none', '--out', 'out'],
    );
    assert.equal(code, 1);
    assert.match(stderr, /prepare http.* with "hyperswap scenes prepare" first/);
  });
});
