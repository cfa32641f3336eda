/**
 * Test that follows the tutorial and the how-to pages: every `sh` block runs, in order, on the files that the tutorial
 * names.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { makeWorkspace, type Workspace } from '../support/command.js';
import { codeBlocks } from '../support/documents.js';
import { repository } from '../support/fixtures.js';
import { startServing, type Pod } from '../support/fleet.js';

let workspace: Workspace;
let pod: Pod;
let environment: NodeJS.ProcessEnv;

/** Runs a block like a user who pastes it. */
function paste(block: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { cwd: workspace.directory, env: environment };
    execFile('bash', ['-e', '-c', block], options, (error, stdout, stderr) => {
      if (error === null) resolve();
      else reject(new Error(`${block}\n${stdout}\n${stderr}`));
    });
  });
}

before(async () => {
  workspace = await makeWorkspace();
  environment = {
    ...process.env,
    HYPERSWAP_HOME: workspace.home,
    HYPERSWAP_LOG_LEVEL: 'silent',
    PATH: `${path.join(repository, 'bin')}:${process.env.PATH}`,
  };
  pod = await startServing(['up', '--port', '0'], environment);
  // Commands find the services as they do on a user's machine: on the default port.
  environment.HYPERSWAP_PORT = pod.endpoint.split(':').at(-1);
});

after(async () => {
  await pod.kill();
  await rm(workspace.directory, { recursive: true, force: true });
});

test('the documents become a site whose search finds them', async () => {
  const site = path.join(workspace.directory, 'site');
  const vitepress = path.join(repository, 'node_modules', '.bin', 'vitepress');
  await promisify(execFile)(vitepress, ['build', 'docs', '--outDir', site], { cwd: repository });
  const pages = ['index', 'docs/tutorial', 'docs/reference/cli', 'CHANGELOG'];
  for (const page of pages) assert.match(await readFile(path.join(site, `${page}.html`), 'utf8'), /<main/);
  const chunks = await readdir(path.join(site, 'assets', 'chunks'));
  const index = chunks.find((name) => name.includes('localSearchIndex'))!;
  assert.match(await readFile(path.join(site, 'assets', 'chunks', index), 'utf8'), /Kubernetes/);
});

const howTo = 'docs/how-to';
const pages = [
  'docs/tutorial.md',
  ...(await readdir(path.join(repository, howTo))).sort().map((name) => `${howTo}/${name}`),
];
for (const page of pages) {
  test(`${page} can be followed`, async (context) => {
    const blocks = (await codeBlocks(page)).filter(({ language }) => language === 'sh');
    if (page !== 'docs/how-to/scale-out.md') assert.ok(blocks.length > 0, 'the page has commands to run');
    for (const { text, line } of blocks) {
      context.diagnostic(`line ${line}`);
      await paste(text);
    }
  });
}
