/** Runs Python programs against the services, with packages that are installed once into the user's cache. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const python = process.env.PYTHON ?? 'python3';

/** Surroundings of a program. */
export interface RunOptions {
  /** Folders whose modules come before the packages. */
  readonly sources?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  /** Milliseconds that it may take. @default 300_000 */
  readonly timeout?: number;
}

/** Python with the packages of a requirements file. */
export class Python {
  private constructor(private readonly packages: string) {}

  /**
   * Installs the packages unless they are installed.
   *
   * @param requirements path of a pip requirements file
   * @returns the reason to skip tests if Python or a package is missing
   * @throws in CI, where no test may be skipped
   */
  static async with(requirements: string): Promise<Python | string> {
    try {
      const { stdout: version } = await run(python, ['--version']);
      const hash = createHash('sha256')
        .update(version)
        .update(await readFile(requirements));
      const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'hyperswap', 'python');
      const packages = path.join(cache, hash.digest('hex').slice(0, 16));
      if (!existsSync(packages)) await install(requirements, cache, packages);
      return new Python(packages);
    } catch (error) {
      if (process.env.CI !== undefined) throw error;
      return (error as Error).message;
    }
  }

  /** Runs a program with `input` as its standard input, and returns what it prints. */
  async run(program: string, args: readonly string[], input = '', options: RunOptions = {}): Promise<string> {
    const { sources = [], environment = {}, directory, timeout = 300_000 } = options;
    const env = { ...process.env, ...environment, PYTHONPATH: [...sources, this.packages].join(path.delimiter) };
    const running = run(python, [program, ...args], { env, cwd: directory, timeout, maxBuffer: 64 * 1024 ** 2 });
    running.child.stdin?.end(input);
    return (await running).stdout;
  }
}

/** Two test files can install at the same time; the second result is discarded. */
async function install(requirements: string, cache: string, packages: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(path.join(cache, 'install-'));
  try {
    await run(python, ['-m', 'pip', 'install', '--quiet', '--target', work, '--requirement', requirements]);
    await rename(work, packages).catch((error: unknown) => {
      if (!existsSync(packages)) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
