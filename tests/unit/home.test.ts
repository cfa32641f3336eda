import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { loadConfig, prepareHome } from '@hyperswap/config';
import { startHost } from '@hyperswap/host';
import { createLogger } from '@hyperswap/telemetry';
import { hasCode } from '../support/errors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const folders = ['store', 'bus'];
const makeFolder = (): Promise<string> => temporaryFolder('home');

/** Runs a function as a user whom permissions bind. */
async function asOrdinaryUser(use: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return use();
  process.seteuid!(65_534);
  try {
    await use();
  } finally {
    process.seteuid!(0);
  }
}

test('a home that is not there is made, with its folders and nothing else', async () => {
  const home = path.join(await makeFolder(), 'a', 'b');
  await prepareHome(home, folders);
  await prepareHome(home, folders);
  assert.deepEqual(await readdir(home, { recursive: true }), ['bus', 'store']);
});

test('a home that is a file, or beside a file, is refused by name', async () => {
  const directory = await makeFolder();
  const file = path.join(directory, 'file');
  await writeFile(file, 'kept');
  for (const home of [file, path.join(file, 'home')]) {
    await assert.rejects(prepareHome(home, folders), hasCode('HOME_UNUSABLE', /home folder .*file.* is a file/));
  }
  const home = path.join(directory, 'home');
  await mkdir(home);
  await writeFile(path.join(home, 'bus'), 'kept');
  await assert.rejects(prepareHome(home, folders), hasCode('HOME_UNUSABLE', /home\/bus cannot be a folder/));
});

test('a home that may not be written is refused, whether its folders are there or not', async () => {
  const home = await makeFolder();
  const whole = await makeFolder();
  await mkdir(path.join(whole, 'store'));
  for (const folder of [home, path.join(whole, 'store'), whole]) await chmod(folder, 0o555);
  await asOrdinaryUser(async () => {
    for (const refused of [home, whole]) {
      await assert.rejects(
        prepareHome(refused, folders),
        hasCode('HOME_UNUSABLE', new RegExp(`${refused}.*store may not be written`)),
      );
    }
  });
});

test('services refuse to start on such a home, before anything else is opened', async () => {
  const home = path.join(await makeFolder(), 'file');
  await writeFile(home, 'kept');
  const config = loadConfig({ flags: { home, port: 0, backbone: 'none-such' } });
  await assert.rejects(
    startHost(config, ['preprocessing', 'tile-inference'], createLogger('silent', 'test')),
    hasCode('HOME_UNUSABLE', /home folder/),
  );
});
