/**
 * The npm package of a release, on a machine that has Node and npm and nothing else: no compiler, no Python, no tools.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { stageCommand } from '@hyperswap/deploy';
import { repository } from '../support/fixtures.js';
import { npy, toyScene } from '../support/services.js';

const run = promisify(execFile);
const { version } = JSON.parse(await readFile(path.join(repository, 'package.json'), 'utf8')) as { version: string };

describe('the npm package', () => {
  let work: string;
  let project: string;
  let environment: Record<string, string>;

  /** Runs a program of the machine in the user's folder. */
  async function onMachine(program: string, ...args: string[]): Promise<string> {
    const file = path.join(environment.PATH!, program);
    const { stdout } = await run(file, args, { cwd: project, env: environment, maxBuffer: 64 * 1024 ** 2 });
    return stdout;
  }
  const hyperswap = (...args: string[]): Promise<string> =>
    onMachine('npm', 'exec', '--no', '--', 'hyperswap', ...args);

  before(async () => {
    work = await mkdtemp(path.join(tmpdir(), 'hyperswap-package-'));
    const [programs, home, cache] = ['bin', 'home', 'engine'].map((name) => path.join(work, name)) as [
      string,
      string,
      string,
    ];
    project = path.join(work, 'project');
    for (const directory of [programs, home, cache, project]) await mkdir(directory);
    const { stdout } = await run('which', ['node', 'npm', 'sh']);
    for (const file of stdout.trim().split('\n')) {
      await symlink(await realpath(file), path.join(programs, path.basename(file)));
    }
    // TensorFlow's libraries (270 MB of download) are the only thing taken from this machine; the addon comes from the
    // package.
    const userCache = process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache');
    const engines = process.env.HYPERSWAP_ENGINE_CACHE ?? path.join(userCache, 'hyperswap', 'engine');
    const libraries = (await readdir(engines)).find((name) => /^tensorflow-[0-9a-f]{16}$/.test(name))!;
    await symlink(path.join(engines, libraries), path.join(cache, libraries));
    const { stdout: npmCache } = await run('npm', ['config', 'get', 'cache']);
    environment = {
      HOME: home,
      PATH: programs,
      HYPERSWAP_ENGINE_CACHE: cache,
      HYPERSWAP_PORT: '0',
      HYPERSWAP_LOG_LEVEL: 'silent',
      npm_config_cache: npmCache.trim(),
      npm_config_prefer_offline: 'true',
    };

    const stage = path.join(work, 'stage', 'hyperswap');
    await stageCommand(stage);
    await run('npm', ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', work], { cwd: stage });
    await onMachine(
      'npm',
      'install',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      path.join(work, `hyperswap-${version}.tgz`),
    );
    const { height, width, bands, values, labels } = toyScene();
    await writeFile(path.join(project, 'field.npy'), npy([height, width, bands], values));
    await writeFile(path.join(project, 'field-labels.npy'), npy([height, width], labels));
  });
  after(() => rm(work, { recursive: true, force: true }));

  test('has the version of the release, and no tests, sources, types or source maps', async () => {
    assert.equal((await hyperswap('--version')).trim(), version);
    const files = await readdir(path.join(project, 'node_modules', 'hyperswap'), { recursive: true });
    const own = files.filter((file) => !file.includes('tfjs-node-gpu'));
    assert.deepEqual(
      own.filter((file) => /\.(ts|map|tsbuildinfo)$|(^|\/)(tests|src)(\/|$)/.test(file)),
      [],
    );
  });

  test('sets up the engine at first use, with the addon that it brings', async () => {
    const found = JSON.parse(await hyperswap('--json', 'doctor')) as Record<string, string>;
    assert.match(found.engine!, /^TensorFlow 2\./);
    const packaged = path.join(
      project,
      'node_modules',
      'hyperswap',
      'node_modules',
      '@hyperswap',
      'tensor',
      'prebuilt',
    );
    const [key] = await readdir(packaged);
    const [used, brought] = await Promise.all(
      [path.join(environment.HYPERSWAP_ENGINE_CACHE!, key!), path.join(packaged, key!)].map((folder) =>
        readFile(path.join(folder, 'tfjs_binding.node')),
      ),
    );
    assert.deepEqual(used, brought);
  });

  test('takes a scene to its map', async () => {
    await hyperswap(
      'scenes',
      'prepare',
      'field.npy',
      '--bands-last',
      '--labels',
      'field-labels.npy',
      '--name',
      'field',
    );
    const train = ['train', '--scene', 'field', '--method', 'linear-probe', '--adapter', 'field', '--set', 'epochs=3'];
    assert.match(await hyperswap(...train), /field@1: OA/);
    await hyperswap('classify', '--scene', 'field', '--adapter', 'field', '--out', 'map');
    const files = await readdir(path.join(project, 'map'));
    for (const name of ['labels.tif', 'confidence.tif', 'report.html', 'map.png'])
      assert.ok(files.includes(name), name);
  });

  test('its bill of materials names each package that is installed', async () => {
    const flags = ['--package-lock-only', '--omit=dev', '--sbom-format=cyclonedx', '--sbom-type=application'];
    const options = { cwd: path.join(work, 'stage', 'hyperswap'), maxBuffer: 64 * 1024 ** 2 };
    const { stdout } = await run('npm', ['sbom', '--loglevel=error', ...flags], options);
    const bill = JSON.parse(stdout) as { metadata: { component: { name: string } }; components: { name: string }[] };
    assert.equal(bill.metadata.component.name, 'hyperswap');
    const named = new Set(bill.components.map(({ name }) => name));
    // npm's list of what it installed on this platform.
    const list = await readFile(path.join(project, 'node_modules', '.package-lock.json'), 'utf8');
    const installed = Object.keys((JSON.parse(list) as { packages: object }).packages).map((place) =>
      place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length),
    );
    assert.ok(installed.length > 200);
    assert.deepEqual(
      installed.filter((name) => name !== 'hyperswap' && !named.has(name)),
      [],
    );
  });
});
