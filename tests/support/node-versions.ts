/** Other versions of Node, from the npm packages that carry its binaries, installed once into the user's cache. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Pinned versions in addition to the one that runs the tests, which is at least 20. */
export const nodeVersions = ['22.23.1', '24.21.0'] as const;

/**
 * Returns the binary of a version.
 *
 * @throws if npm cannot install it
 */
export async function nodeBinary(version: string): Promise<string> {
  const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'hyperswap', 'node');
  const name = `node-linux-${process.arch}`;
  const directory = path.join(cache, version);
  const binary = path.join(directory, 'node_modules', name, 'bin', 'node');
  if (existsSync(binary)) return binary;
  await mkdir(cache, { recursive: true });
  const staging = await mkdtemp(path.join(cache, 'install-'));
  try {
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--loglevel=error'];
    await run('npm', ['install', ...flags, '--prefix', staging, `${name}@${version}`]);
    // Another test file may have been faster.
    await rename(staging, directory).catch((error: unknown) => {
      if (!existsSync(binary)) throw error;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return binary;
}
