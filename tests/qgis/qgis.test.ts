/**
 * `make test-qgis`: the Processing provider in QGIS without a screen, against real services. Each of its own tests
 * counts.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { repository } from '../support/fixtures.js';
import { Python } from '../support/python.js';
import { qgisPython } from '../support/qgis.js';
import { startServices } from '../support/services.js';

const python = path.join(repository, 'clients', 'python');
const provider = path.join(repository, 'clients', 'qgis');

// The stubs of the client are made with its own tools.
const tools = await Python.with(path.join(python, 'tests', 'requirements.txt'));
assert.ok(typeof tools !== 'string', 'the packages of the Python client cannot be installed');
await tools.run('generate_stubs.py', [], '', { directory: python });
const { program, packages } = await qgisPython(path.join(repository, 'tests', 'qgis', 'requirements.txt'));

const home = await mkdtemp(path.join(tmpdir(), 'hyperswap-qgis-home-'));
const services = await startServices();
const output = await new Promise<string>((resolve) => {
  const env = {
    ...process.env,
    HOME: home,
    QT_QPA_PLATFORM: 'offscreen',
    HYPERSWAP_ENDPOINT: services.host.server.endpoint,
    PYTHONPATH: [packages, path.join(python, 'src'), provider].join(path.delimiter),
  };
  const file = path.join(provider, 'tests', 'test_provider.py');
  execFile(program, [file], { env, timeout: 600_000, maxBuffer: 64 * 1024 ** 2 }, (_, stdout, stderr) => {
    resolve(`${stdout}\n${stderr}`);
  });
});
await services.stop();
await rm(home, { recursive: true, force: true });

const outcomes = [...output.matchAll(/^test_(\w+) \(.*?\)[\s\S]*? \.\.\. [\s\S]*?\b(ok|FAIL|ERROR)$/gm)];
test('the tests of the provider run', () => {
  assert.match(output, /^Ran [1-9]\d* tests/m, output);
  assert.ok(outcomes.length >= 6, output);
});
for (const [, name, outcome] of outcomes) {
  test(`qgis: ${name!.replaceAll('_', ' ')}`, () => {
    assert.equal(outcome, 'ok', output.slice(-6000));
  });
}

test('the provider passes ruff with the rules of the Python client', async () => {
  assert.ok(typeof tools !== 'string');
  await tools.run('-m', ['ruff', 'check', '--no-cache', provider]);
  await tools.run('-m', ['ruff', 'format', '--no-cache', '--check', provider]);
});
