/**
 * Chromium for tests of the console: the one of the machine, else a pinned build from the npm registry, kept in the
 * user's cache.
 */
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { chromium, type Browser } from 'playwright-core';

const run = promisify(execFile);
const programs = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
/** Build of Chromium that runs without packages of the system, x64. */
const pinned = { name: '@sparticuz/chromium', version: '153.0.0' };

interface PackagedChromium {
  readonly default: { readonly args: readonly string[]; executablePath(): Promise<string> };
}

/** Starts a browser. @throws Error that tells how to get one */
export async function startBrowser(): Promise<Browser> {
  // Pages of this repository only: the sandbox needs rights that containers lack.
  const args = ['--no-sandbox', '--disable-dev-shm-usage'];
  const found = await onPath();
  if (found !== undefined) return chromium.launch({ executablePath: found, args });
  try {
    const packaged = await fetched();
    return await chromium.launch({
      executablePath: await packaged.default.executablePath(),
      args: [...packaged.default.args, ...args],
    });
  } catch (cause) {
    const reason = (cause as Error).message.split('\n')[0];
    throw new Error(
      `No Chromium can be started (${reason}). Install it: "apt-get install chromium", or put it on the PATH.`,
      { cause },
    );
  }
}

/** Returns the package with its browser, installed once. */
async function fetched(): Promise<PackagedChromium> {
  const cache = process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache');
  const folder = path.join(cache, 'hyperswap', `chromium-${pinned.version}`);
  const entry = path.join(folder, 'node_modules', ...pinned.name.split('/'), 'build', 'index.js');
  if (!(await exists(entry))) {
    const flags = ['--prefix', folder, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await run('npm', ['install', ...flags, `${pinned.name}@${pinned.version}`]);
  }
  return (await import(pathToFileURL(entry).href)) as PackagedChromium;
}

async function onPath(): Promise<string | undefined> {
  for (const directory of (process.env.PATH ?? '').split(path.delimiter)) {
    for (const program of programs) {
      const file = path.join(directory, program);
      if (await exists(file, constants.X_OK)) return file;
    }
  }
  return undefined;
}

async function exists(file: string, mode = constants.F_OK): Promise<boolean> {
  return access(file, mode).then(
    () => true,
    () => false,
  );
}
