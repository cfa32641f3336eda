/** Python with QGIS, as Debian's package python3-qgis has it, and the packages of the Python client for it. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A Python that imports `qgis`, and a folder of packages for it. */
export interface QgisPython {
  readonly program: string;
  readonly packages: string;
}

/**
 * Finds a Python with QGIS: `QGIS_PYTHON`, `/usr/bin/python3` or `python3`. Without one, root installs Debian's package
 * (about 100 s).
 *
 * @param requirements packages to install beside those of QGIS
 * @throws Error that tells how to get QGIS
 */
export async function qgisPython(requirements: string): Promise<QgisPython> {
  const program = (await found()) ?? (await installed());
  const { stdout } = await run(program, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])']);
  const version = stdout.trim();
  const hash = createHash('sha256').update(version);
  const digest = hash.update(await readFile(requirements)).digest('hex');
  const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'hyperswap', 'python');
  const packages = path.join(cache, `qgis-${digest.slice(0, 16)}`);
  if (!existsSync(packages)) {
    await mkdir(cache, { recursive: true });
    const work = await mkdtemp(path.join(cache, 'install-'));
    try {
      // The pip of another Python may install them: Debian's Python has none unless it is asked for.
      const flags = ['--quiet', '--no-deps', '--only-binary=:all:', '--python-version', version, '--target', work];
      await run(process.env.PYTHON ?? 'python3', ['-m', 'pip', 'install', ...flags, '--requirement', requirements]);
      await rename(work, packages);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  return { program, packages };
}

async function found(): Promise<string | undefined> {
  for (const program of [process.env.QGIS_PYTHON, '/usr/bin/python3', 'python3']) {
    if (program === undefined) continue;
    const works = await run(program, ['-c', 'import qgis.core, processing'], {
      env: { ...process.env, PYTHONPATH: '/usr/share/qgis/python/plugins' },
    }).then(
      () => true,
      () => false,
    );
    if (works) return program;
  }
  return undefined;
}

async function installed(): Promise<string> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await run('apt-get', ['update'], { env });
    const packages = ['python3-qgis', 'qgis-providers'];
    await run('apt-get', ['install', '--yes', '--no-install-recommends', ...packages], {
      env,
      maxBuffer: 64 * 1024 ** 2,
    });
  } catch (cause) {
    throw new Error(
      'There is no Python with QGIS, and this user cannot install one. Run "apt-get install python3-qgis qgis-providers", or name one in QGIS_PYTHON.',
      { cause },
    );
  }
  return '/usr/bin/python3';
}
