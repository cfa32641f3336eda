/** Runs the command line in a process of its own, as a user does. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { repository } from './fixtures.js';
import { npy, toyScene } from './services.js';
import { temporaryFolder } from './temporary-folder.js';

export const commandFile = path.join(repository, 'bin', 'hyperswap');

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Folder with a home of its own, the toy scene in `field.npy` and its labels in `field-labels.npy`. */
export interface Workspace {
  readonly directory: string;
  readonly home: string;
  /** Runs the command in that folder, so that relative paths are tested too. */
  readonly run: (...args: string[]) => Promise<Finished>;
  /** Runs the command and fails if it fails. @returns standard output */
  readonly succeed: (...args: string[]) => Promise<string>;
}

export async function makeWorkspace(): Promise<Workspace> {
  const directory = await temporaryFolder('cli');
  const home = path.join(directory, 'home');
  const { height, width, bands, values, labels } = toyScene();
  await writeFile(path.join(directory, 'field.npy'), npy([height, width, bands], values));
  await writeFile(path.join(directory, 'field-labels.npy'), npy([height, width], labels));
  const environment = {
    ...process.env,
    HYPERSWAP_HOME: path.relative(directory, home),
    HYPERSWAP_PORT: '0',
    HYPERSWAP_LOG_LEVEL: 'silent',
  };
  const run = (...args: string[]): Promise<Finished> =>
    new Promise((resolve) => {
      const options = { cwd: directory, env: environment, maxBuffer: 64 * 1024 * 1024 };
      execFile(process.execPath, [commandFile, ...args], options, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      });
    });
  const succeed = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  return { directory, home, run, succeed };
}
