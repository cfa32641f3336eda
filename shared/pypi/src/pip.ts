import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { failure } from '@hyperswap/errors';
import type { PinnedWheel } from './pinned-wheel.js';

/**
 * Downloads a wheel with pip.
 *
 * @returns false if this machine has no Python, or a Python without pip
 * @throws DOWNLOAD_FAILED if pip cannot reach an index
 */
export async function downloadWithPip(wheel: PinnedWheel, directory: string): Promise<boolean> {
  const python = process.env.PYTHON ?? 'python3';
  const platform = wheel.platform === undefined ? [] : ['--implementation', 'cp', '--platform', wheel.platform];
  const { code, output } = await run(
    python,
    ['-m', 'pip', 'download', '--no-deps', '--disable-pip-version-check', '--no-cache-dir'].concat(
      ['--only-binary=:all:', '--python-version', wheel.pythonVersion, ...platform],
      ['--dest', directory, `${wheel.project}==${wheel.version}`],
    ),
    // pip's own progress bar reaches the terminal, when there is one.
    process.stderr.isTTY,
  );
  if (code === 0) return true;
  if (code === undefined || output.includes('No module named pip')) return false;
  throw failure('DOWNLOAD_FAILED', {
    what: `${wheel.project} ${wheel.version}`,
    reason: lastErrorLine(output),
    mend: `Check the network, and that "${python} -m pip download" reaches a package index.`,
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

function run(command: string, args: readonly string[], showProgress: boolean): Promise<Finished> {
  return new Promise((resolve) => {
    // pip runs in another folder, where no project's settings can interfere. Standard output belongs to the command
    // that needs the wheel.
    const child = spawn(command, args, { stdio: ['ignore', showProgress ? 2 : 'pipe', 'pipe'], cwd: tmpdir() });
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
