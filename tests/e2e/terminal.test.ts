/** Output of the command line at a terminal of 80 columns. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { after, before, describe, test } from 'node:test';
import { callUnary } from '@hyperswap/rpc';
import { commandFile, makeWorkspace, type Workspace } from '../support/command.js';
import { npy, prepareToy, startServices, toyScene, train, type Services } from '../support/services.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const columns = 80;
const hasScript = existsSync('/usr/bin/script');
const noScript = hasScript ? false : 'the program script is missing';
const longName = 'a-scene-of-a-name-that-is-as-long-as-names-of-scenes-may-be-64';

/** Runs the command at a terminal, and returns all that it showed. @param input typed at once */
async function atTerminal(
  { directory }: Workspace,
  args: readonly string[],
  { input, environment = {} }: { readonly input?: string; readonly environment?: Record<string, string> } = {},
): Promise<{ readonly shown: string; readonly code: number }> {
  const words = [process.execPath, commandFile, ...args].map((word) => `'${word}'`).join(' ');
  const user = { ...process.env, HYPERSWAP_PORT: '0', HYPERSWAP_LOG_LEVEL: 'error', TERM: 'xterm' };
  // Node sees no colours at the terminal of a CI system; these tests are a user's terminal, wherever they run.
  for (const variable of ['CI', 'NO_COLOR', 'FORCE_COLOR', 'COLORTERM']) Reflect.deleteProperty(user, variable);
  const env = { ...user, ...environment };
  const child = spawn('script', ['-qec', `stty cols ${columns}; ${words}`, '/dev/null'], { cwd: directory, env });
  let shown = '';
  child.stdout.on('data', (text: Buffer) => {
    shown += text.toString();
    // Answers are typed when they are asked for.
    if (input !== undefined && stripVTControlCharacters(shown).endsWith('] ')) child.stdin.write(`${input}\n`);
  });
  const code = await new Promise<number>((resolve) => child.once('close', (found) => resolve(found ?? 1)));
  return { shown, code };
}

function requireColumns(shown: string, what: string): void {
  for (const line of stripVTControlCharacters(shown).split(/\r?\n/)) {
    assert.ok(line.length <= columns, `${what}: ${line.length} columns: ${line}`);
  }
}

describe('at a terminal of 80 columns', { skip: noScript }, () => {
  let services: Services;
  let workspace: Workspace;

  before(async () => {
    services = await startServices();
    workspace = await makeWorkspace();
    await prepareToy(services, longName);
    const { adapter } = await train(services, { scene: longName, adapter: longName });
    for (const alias of ['stable', 'canary', 'an-alias-that-is-long', 'another-alias-that-is-long']) {
      await callUnary(services.adapters, 'setAlias', { alias, adapter: `${longName}@${adapter!.version}` });
    }
  });

  after(() => services.stop());

  for (const args of [
    [],
    ['--help'],
    ['scenes', 'list'],
    ['scenes', 'show', longName],
    ['scenes', 'show', 'a-scene-that-is-not-there'],
    ['adapters', 'list'],
    ['adapters', 'show', longName],
    ['jobs', 'list'],
    ['jobs', 'dead-letters', 'list'],
    ['backbones', 'list'],
    ['backbones', 'show', 'spectralgpt-mini'],
    ['methods'],
    ['presets'],
    ['health'],
    ['scenes', 'nothing'],
    ['train', '--scene'],
  ]) {
    test(`"hyperswap ${args.join(' ')}" fits`, async () => {
      const { shown } = await atTerminal(workspace, ['--endpoint', services.host.server.endpoint, ...args]);
      assert.ok(shown.trim() !== '');
      requireColumns(shown, args.join(' '));
    });
  }

  test('names in a table that was folded are still whole', async () => {
    const { shown } = await atTerminal(workspace, ['--endpoint', services.host.server.endpoint, 'scenes', 'list']);
    const cells = stripVTControlCharacters(shown)
      .split(/\r?\n/)
      .map((line) => line.split('  ')[0]!.trim());
    assert.ok(cells.join('').includes(longName), shown);
  });

  test('headings are bold at a terminal, and nowhere else', async () => {
    const escape = String.fromCodePoint(27);
    assert.ok((await atTerminal(workspace, ['--help'])).shown.includes(`${escape}[1m`));
    const quiet: Record<string, string>[] = [{ NO_COLOR: '1' }, { TERM: 'dumb' }, { CI: 'true' }];
    for (const environment of quiet) {
      const { shown } = await atTerminal(workspace, ['--help'], { environment });
      assert.ok(!shown.includes(`${escape}[`), JSON.stringify(environment));
    }
    const { stdout } = await workspace.run('--help');
    assert.ok(!stdout.includes(escape));
  });
});

describe('first steps', () => {
  let workspace: Workspace;

  before(async () => {
    workspace = await makeWorkspace();
  });

  test('"hyperswap" alone shows the next step, starts nothing, and changes nothing', async () => {
    const { code, stdout, stderr } = await workspace.run();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /no home folder home/);
    assert.match(stdout, /field\.npy/);
    assert.match(stdout, /Next:\n {2}hyperswap init /);
    assert.equal(stderr, '');
    assert.ok(!existsSync(workspace.home));
    const { steps } = JSON.parse(await workspace.succeed('--json')) as { steps: { command: string }[] };
    assert.equal(steps[0]!.command, 'hyperswap init');
  });

  test('"hyperswap" alone names services that do not answer', async () => {
    const { code, stdout } = await workspace.run('--endpoint', '127.0.0.1:1');
    assert.equal(code, 0);
    assert.match(stdout, /127\.0\.0\.1:1/);
  });

  test('init explains what it proposes, and runs nothing unless it is told to', async () => {
    const { code, stdout, stderr } = await workspace.run('init');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Scene +field\.npy: 24 × 30 pixels, 16 bands/);
    assert.match(stdout, /Labels +field-labels\.npy: 600 pixels of 3 classes, 200 to 200 a class/);
    assert.match(stdout, /Split +50:15: every class has enough labels/);
    assert.match(stdout, /Patch size +9: labelled areas are about 1\d pixels wide/);
    assert.match(stdout, /hyperswap scenes prepare field\.npy --labels field-labels\.npy --name field/);
    assert.ok(!existsSync(workspace.home));
  });

  test('init asks at a terminal, and takes no for an answer', { skip: noScript }, async () => {
    const { shown, code } = await atTerminal(workspace, ['init'], { input: 'n' });
    assert.equal(code, 0, shown);
    requireColumns(shown, 'init');
    assert.match(shown, /Run these commands now\? \[Y\/n\]/);
    assert.ok(!existsSync(workspace.home));
  });

  test('init makes the map of a folder, says what it runs, and the next step is known after it', async () => {
    const { code, stdout, stderr } = await workspace.run(
      'init',
      '--yes',
      '--method',
      'linear-probe',
      '--split',
      '12:4',
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /field@1: OA \d+\.\d\d %/);
    assert.match(stdout, /Next:\n {2}hyperswap classify --scene field --adapter field --out out\/field/);
    assert.match(stdout, /Open out\/field\/report\.html/);
    assert.ok(existsSync(path.join(workspace.directory, 'out', 'field', 'labels.tif')));
    assert.match(await workspace.succeed(), /holds 1 scene \(field\) and 1 adapter\s+\(field@1\)/);
  });

  test('init tells what is missing', async () => {
    const empty = await temporaryFolder('empty');
    assert.match((await workspace.run('init', empty)).stderr, /no file that is a scene of at least 12 bands/);
    const { height, width, bands, values } = toyScene(20, 22, 13);
    await writeFile(path.join(empty, 'alone.npy'), npy([height, width, bands], values));
    const { code, stderr } = await workspace.run('init', empty);
    assert.equal(code, 1);
    assert.match(stderr, /no labels of 20 × 22 pixels/);
    assert.match((await workspace.run('init', 'no-such-folder')).stderr, /no-such-folder cannot be read/);
  });

  test('commands print nothing of the library that they load, and still print the log that is asked for', async () => {
    const { code, stderr } = await workspace.run('scenes', 'list');
    assert.equal(code, 0);
    assert.equal(stderr, '');
    const logged = await workspace.run('--log-level', 'info', 'scenes', 'list');
    assert.match(logged.stderr, /"service":"hyperswap"/);
    assert.doesNotMatch(logged.stderr, /absl::InitializeLog|oneDNN/);
  });

  test('up prints nothing of the library either, and all of it at the level debug', async () => {
    const start = (level: string): Promise<string> =>
      new Promise((resolve, reject) => {
        // Services that ran in this process have set TensorFlow's own variable.
        const own = { HYPERSWAP_HOME: workspace.home, HYPERSWAP_PORT: '0', TF_CPP_MIN_LOG_LEVEL: undefined };
        const environment = { ...process.env, ...own };
        const args = [commandFile, '--log-level', level, 'up', '--services', 'tile-inference'];
        const child = spawn(process.execPath, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
        let said = '';
        child.stderr.on('data', (text: Buffer) => (said += text.toString()));
        child.stdout.on('data', (text: Buffer) => {
          if (text.includes('Serving on')) child.kill('SIGTERM');
        });
        child.once('error', reject).once('close', (code) => {
          if (code === 0) resolve(said);
          else reject(new Error(`up ended with ${code} after a signal: ${said}`));
        });
      });
    assert.equal(await start('error'), '');
    assert.match(await start('debug'), /absl::InitializeLog[\s\S]*oneDNN custom operations are on/);
  });

  test('completion works in a real bash', async () => {
    const folder = await temporaryFolder('bin');
    await symlink(commandFile, path.join(folder, 'hyperswap'));
    const program = `
      set -u
      source <(hyperswap completion bash)
      complete -p hyperswap
      try() { COMP_LINE=$1 COMP_POINT=\${#1}; COMPREPLY=(); _hyperswap 2>/dev/null; printf '%s|' "$1" "\${COMPREPLY[@]}"; echo; }
      try 'hyperswap scenes pre'
      try 'hyperswap classify --scene fi'
      try 'hyperswap classify --adapter field@'
      try 'hyperswap classify --mode=a'
      try 'hyperswap scenes prepare field-l'
      try 'hyperswap init ho'
    `;
    const env = {
      ...process.env,
      ...{ PATH: `${folder}:${path.dirname(process.execPath)}:${process.env.PATH ?? ''}`, HYPERSWAP_PORT: '0' },
      HYPERSWAP_HOME: workspace.home,
    };
    const stdout = await new Promise<string>((resolve, reject) => {
      const options = { cwd: workspace.directory, env };
      execFile('bash', ['--norc', '-c', program], options, (error, out, err) => {
        if (error === null) resolve(out);
        else reject(new Error(`${out}\n${err}`, { cause: error }));
      });
    });
    const lines = stdout.trim().split('\n');
    assert.equal(lines[0], 'complete -F _hyperswap hyperswap');
    assert.equal(lines[1], 'hyperswap scenes pre|prepare|');
    assert.match(lines[2]!, /\|field\|/);
    assert.match(lines[2]!, /\|field\.npy\|/);
    assert.equal(lines[3], 'hyperswap classify --adapter field@|field@1|');
    assert.equal(lines[4], 'hyperswap classify --mode=a|adaptive|');
    assert.equal(lines[5], 'hyperswap scenes prepare field-l|field-labels.npy|');
    assert.equal(lines[6], 'hyperswap init ho|home|');
  });
});
