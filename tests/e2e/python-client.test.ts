/**
 * Runs the tests of clients/python, which start a server as its users do, and counts each of them; then checks types,
 * style and packages.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { commandFile } from '../support/command.js';
import { repository } from '../support/fixtures.js';
import { Python, type RunOptions } from '../support/python.js';

const run = promisify(execFile);
const client = path.join(repository, 'clients', 'python');
const python = await Python.with(path.join(client, 'tests', 'requirements.txt'));
const work = await mkdtemp(path.join(tmpdir(), 'hyperswap-python-'));

after(() => rm(work, { recursive: true, force: true }));

/** One test, as `conftest.py` reports it. */
interface PythonTest {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly seconds: number;
  readonly reason: string;
}

/** The last lines of what a failed program printed. */
function lastLines(error: unknown): string {
  const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
  return `${stdout}\n${stderr}`.slice(-6000);
}

async function runClient(program: string, args: readonly string[], more: RunOptions = {}): Promise<string> {
  const options = { directory: client, sources: [path.join(client, 'src')], timeout: 240_000, ...more };
  return (python as Python).run(program, args, '', options).catch((error: unknown) => {
    throw new Error(lastLines(error), { cause: error });
  });
}

async function runPytest(): Promise<{ readonly tests: readonly PythonTest[]; readonly failure: unknown }> {
  const report = path.join(work, 'report.jsonl');
  const environment = {
    HYPERSWAP_COMMAND: `'${process.execPath}' '${commandFile}'`,
    HYPERSWAP_PORT: '0',
    HYPERSWAP_LOG_LEVEL: 'error',
    HYPERSWAP_TEST_REPORT: report,
    MPLBACKEND: 'agg',
  };
  const failure = await runClient('-m', ['pytest', '-q', '-p', 'no:cacheprovider'], {
    environment,
    timeout: 1_200_000,
  }).then(
    () => undefined,
    (error: unknown) => error,
  );
  const lines = (await readFile(report, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
  return { tests: lines.map((line) => JSON.parse(line) as PythonTest), failure };
}

if (typeof python === 'string') {
  test('the tests of the Python client', { skip: python }, () => undefined);
} else {
  await runClient('generate_stubs.py', []);
  const { tests, failure } = await runPytest();

  test('pytest runs', () => {
    const failed = tests.some(({ outcome }) => outcome === 'failed');
    if (failure !== undefined && !failed) throw failure as Error;
    assert.ok(tests.length > 0);
  });

  for (const { name, outcome, seconds, reason } of tests) {
    test(`python: ${name}`, { skip: outcome === 'skipped' ? reason : false }, (context) => {
      context.diagnostic(`${seconds.toFixed(2)} s`);
      assert.notEqual(outcome, 'failed', reason);
    });
  }

  test('the Python client passes mypy --strict and ruff', async () => {
    await runClient('-m', ['mypy', '--cache-dir', path.join(work, 'mypy'), 'src/hyperswap']);
    await runClient('-m', ['ruff', 'check', '--no-cache', '.']);
    await runClient('-m', ['ruff', 'format', '--no-cache', '--check', '.']);
  });

  test('the wheel installs into a fresh environment and needs no optional package', async () => {
    const packages = path.join(work, 'packages');
    await runClient('-m', ['build', '--no-isolation', '--outdir', packages, '.']);
    const files = await readdir(packages);
    const { version } = JSON.parse(await readFile(path.join(repository, 'package.json'), 'utf8')) as {
      version: string;
    };
    const wheel = `hyperswap-${version}-py3-none-any.whl`;
    assert.deepEqual(files.sort(), [wheel, `hyperswap-${version}.tar.gz`]);
    const environment = path.join(work, 'venv');
    await run(process.env.PYTHON ?? 'python3', ['-m', 'venv', environment]);
    const own = path.join(environment, 'bin', 'python');
    const env = { ...process.env, PYTHONPATH: '' };
    await run(own, ['-m', 'pip', 'install', '--quiet', path.join(packages, wheel)], { env });
    const program = [
      'import sys, hyperswap, hyperswap.aio, hyperswap.sklearn',
      'from pathlib import Path',
      'folder = Path(hyperswap.__file__).parent',
      'assert (folder / "py.typed").exists() and (folder / "v1" / "tile_pb2.pyi").exists()',
      'assert not {"xarray", "matplotlib", "sklearn", "rasterio"} & set(sys.modules)',
      'assert hyperswap.HyperswapClassifier(epochs=3).get_params()["epochs"] == 3',
      'print(hyperswap.__version__)',
    ];
    const { stdout } = await run(own, ['-c', program.join('\n')], { env, cwd: work });
    assert.equal(stdout.trim(), version);
  });
}
