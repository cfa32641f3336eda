/** Maps of raw files while the service that classifies their tiles stops and restarts. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { commandFile, makeWorkspace, type Workspace } from '../support/command.js';
import { startServing, type Pod } from '../support/fleet.js';
import { freePort } from '../support/free-port.js';
import { npy, prepareToy, toyScene } from '../support/services.js';
import { registerMadeUp } from '../support/tile-client.js';

let workspace: Workspace;
let environment: NodeJS.ProcessEnv;
let port: number;
let pod: Pod;

const start = async (): Promise<Pod> =>
  startServing(['up', '--services', 'preprocessing,tile-inference', '--port', String(port)], environment);

/** Classifies the raw file. @returns the bytes of its labels */
const classify = async (out: string): Promise<Buffer> => {
  const args = [
    '--endpoint',
    `127.0.0.1:${port}`,
    'classify',
    '--scene',
    'wide.npy',
    '--bands-last',
    '--adapter',
    'made',
    '--out',
    out,
  ];
  await new Promise<void>((resolve, reject) => {
    execFile(
      process.execPath,
      [commandFile, ...args],
      { cwd: workspace.directory, env: environment },
      (error, _, stderr) => {
        if (error === null) resolve();
        else reject(new Error(stderr));
      },
    );
  });
  return readFile(path.join(workspace.directory, out, 'labels.tif'));
};

before(async () => {
  workspace = await makeWorkspace();
  port = await freePort();
  environment = {
    ...process.env,
    HYPERSWAP_HOME: workspace.home,
    HYPERSWAP_LOG_LEVEL: 'silent',
    HYPERSWAP_DRAIN_MILLISECONDS: '1000',
  };
  const { height, width, bands, values } = toyScene(8, 64 * 8);
  await writeFile(path.join(workspace.directory, 'wide.npy'), npy([height, width, bands], values));
  pod = await start();
  const scene = await prepareToy(pod);
  await registerMadeUp(pod, scene, 'made', { patchSize: 3 });
});

after(async () => {
  await pod.kill();
  await rm(workspace.directory, { recursive: true, force: true });
});

for (const [end, how] of [
  ['drains', 'stop'],
  ['is killed', 'kill'],
] as const) {
  test(`a map of a raw file is whole though its service ${end} and another one comes`, async () => {
    const expected = await classify('undisturbed');
    let isDone = false;
    const map = classify(`disturbed-${how}`).finally(() => (isDone = true));
    await setTimeout(2_000);
    assert.ok(!isDone, 'the map is done before the service goes away');
    await pod[how]();
    await setTimeout(500);
    assert.ok(!isDone, 'the command waits for another service');
    pod = await start();
    assert.ok(expected.equals(await map));
  });
}
