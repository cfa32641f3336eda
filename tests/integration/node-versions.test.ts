/** Newer versions of Node run the unit tests and the engine. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { commandFile } from '../support/command.js';
import { nodeBinary, nodeVersions } from '../support/node-versions.js';

const unitTests = fileURLToPath(new URL('../unit/', import.meta.url));

/** Runs a program to its end. @returns exit code and what it printed */
function execute(
  binary: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, ...environment };
    // With it the inner runner would report to the outer one instead of its standard output.
    delete env.NODE_TEST_CONTEXT;
    execFile(binary, [...args], { env, maxBuffer: 64 * 1024 ** 2 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: `${stdout}\n${stderr}` });
    });
  });
}

for (const version of nodeVersions) {
  test(`Node ${version} passes the unit tests`, async () => {
    const files = (await readdir(unitTests)).filter((name) => name.endsWith('.test.js'));
    const args = ['--test', '--test-reporter=tap', ...files.map((name) => path.join(unitTests, name))];
    const { code, output } = await execute(await nodeBinary(version), args);
    const failures = output.split('\n').filter((line) => line.startsWith('not ok'));
    assert.equal(code, 0, failures.join('\n') || output.slice(-2000));
    assert.match(output, /# pass [1-9]\d*\n# fail 0/);
  });

  test(`Node ${version} loads the engine`, async () => {
    const home = await mkdtemp(path.join(tmpdir(), 'hyperswap-node-'));
    try {
      const environment = { HYPERSWAP_HOME: home, HYPERSWAP_PORT: '0', HYPERSWAP_LOG_LEVEL: 'silent' };
      const { code, output } = await execute(await nodeBinary(version), [commandFile, '--json', 'doctor'], environment);
      assert.equal(code, 0, output);
      const start = output.indexOf('{');
      const found = JSON.parse(output.slice(start, output.lastIndexOf('}') + 1)) as Record<string, string>;
      assert.equal(found.node, `v${version}`);
      assert.match(found.engine!, /^TensorFlow 2\./);
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });
}
