import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { failure } from '@hyperswap/errors';

/** A wheel of the Python package index, pinned by version and content. */
export interface PinnedWheel {
  readonly project: string;
  readonly version: string;
  /** CPython version the wheel is tagged for, for example `3.11`. */
  readonly pythonVersion: string;
  /** Platform tag, for example `manylinux_2_27_x86_64`; omitted for wheels of pure Python. */
  readonly platform?: string;
  readonly sha256: string;
}

/** Returns the sha-256 of a file in hexadecimal; the file is read as a stream. */
export async function fileSha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/**
 * Checks a wheel that was downloaded before.
 *
 * @throws FILE_UNREADABLE if it is absent, HASH_MISMATCH if its content differs
 */
export async function verifyWheel(file: string, sha256: string): Promise<void> {
  await stat(file).catch((cause: unknown) => {
    throw failure('FILE_UNREADABLE', { file, reason: 'it does not exist' }, cause);
  });
  const found = await fileSha256(file);
  if (found !== sha256) throw failure('HASH_MISMATCH', { what: file, found, wanted: sha256 });
}

/**
 * Downloads a wheel with pip, which applies the machine's own index, proxy and certificates, and checks its content. A
 * wheel in `folder` that has the right content is not downloaded again.
 *
 * @returns the wheel's path in `folder`
 * @throws DOWNLOAD_FAILED if pip is missing or cannot reach an index, HASH_MISMATCH if the content differs
 */
export async function fetchWheel(wheel: PinnedWheel, folder: string): Promise<string> {
  // pip runs in another folder, where no project's settings can interfere.
  const directory = path.resolve(folder);
  await mkdir(directory, { recursive: true });
  const kept = path.join(directory, `${wheel.project}-${wheel.version}-${wheel.sha256.slice(0, 16)}.whl`);
  const here = await stat(kept).then(
    () => true,
    () => false,
  );
  if (here && (await fileSha256(kept)) === wheel.sha256) return kept;

  const download = await mkdtemp(path.join(directory, 'download-'));
  try {
    await runPip(wheel, download);
    const [name] = (await readdir(download)).filter((entry) => entry.endsWith('.whl'));
    if (name === undefined) {
      throw failure('DOWNLOAD_FAILED', {
        what: `${wheel.project} ${wheel.version}`,
        reason: 'pip ended without a wheel',
        mend: 'Run the command again.',
      });
    }
    await verifyWheel(path.join(download, name), wheel.sha256);
    await rename(path.join(download, name), kept);
    return kept;
  } finally {
    await rm(download, { recursive: true, force: true });
  }
}

/**
 * Unpacks the members of a wheel whose names start with one of the prefixes. Python's own zipfile unpacks them; Python
 * is present, because pip needs it.
 */
export async function extractWheel(wheel: string, prefixes: readonly string[], directory: string): Promise<void> {
  const program = [
    'import sys, zipfile',
    'wheel, directory, *prefixes = sys.argv[1:]',
    'with zipfile.ZipFile(wheel) as z:',
    '    z.extractall(directory, [n for n in z.namelist() if n.startswith(tuple(prefixes))])',
  ].join('\n');
  const { code, output } = await run(pythonCommand(), [
    '-c',
    program,
    path.resolve(wheel),
    path.resolve(directory),
    ...prefixes,
  ]);
  if (code !== 0) {
    throw failure('FILE_FORMAT', { file: wheel, expected: 'wheel', reason: output.trim().split('\n').at(-1) ?? '' });
  }
}

/** The Python that runs pip: `PYTHON`, else `python3`. */
function pythonCommand(): string {
  return process.env.PYTHON ?? 'python3';
}

async function runPip(wheel: PinnedWheel, directory: string): Promise<void> {
  const platform = wheel.platform === undefined ? [] : ['--implementation', 'cp', '--platform', wheel.platform];
  const what = `${wheel.project} ${wheel.version}`;
  const { code, output } = await run(
    pythonCommand(),
    ['-m', 'pip', 'download', '--no-deps', '--disable-pip-version-check', '--no-cache-dir'].concat(
      ['--only-binary=:all:', '--python-version', wheel.pythonVersion, ...platform],
      ['--dest', directory, `${wheel.project}==${wheel.version}`],
    ),
    // pip's own progress bar reaches the terminal, when there is one.
    process.stderr.isTTY,
  );
  if (code === 0) return;
  if (code === undefined) {
    throw failure('DOWNLOAD_FAILED', {
      what,
      reason: `${pythonCommand()} cannot be started`,
      mend: 'Install Python 3 with pip, or name one in PYTHON.',
    });
  }
  const noPip = output.includes('No module named pip');
  throw failure('DOWNLOAD_FAILED', {
    what,
    reason: noPip ? `${pythonCommand()} has no pip` : lastErrorLine(output),
    mend: noPip
      ? 'Install it (Debian and Ubuntu: apt install python3-pip).'
      : 'Check the network, and that "python3 -m pip download" reaches a package index.',
  });
}

function lastErrorLine(output: string): string {
  const lines = output.trim().split('\n');
  return lines.findLast((line) => line.startsWith('ERROR')) ?? lines.at(-1) ?? 'pip failed';
}

interface Finished {
  /** Exit status; undefined when the program could not be started. */
  readonly code: number | undefined;
  readonly output: string;
}

function run(command: string, args: readonly string[], showProgress = false): Promise<Finished> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', showProgress ? 'inherit' : 'pipe', 'pipe'],
      cwd: tmpdir(),
    });
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', () => {
      resolve({ code: undefined, output });
    });
    child.on('close', (code) => {
      resolve({ code: code ?? 1, output });
    });
  });
}
