/**
 * A release: its parts have one version, its notes come from the changelog, and its checksums are those that sha256sum
 * checks.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { planImage, releaseNotes, workspaces, writeChecksums } from '@hyperswap/deploy';
import { parse } from 'yaml';
import { repository } from '../support/fixtures.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const read = (file: string): Promise<string> => readFile(path.join(repository, file), 'utf8');
const { version } = JSON.parse(await read('package.json')) as { version: string };

test('all packages, the lock file, the chart, the documents and the Python client have the version of package.json', async () => {
  const found = new Map((await workspaces()).map(({ directory, manifest }) => [directory, manifest.version]));
  assert.ok(found.size > 20 && found.has('proto') && found.has('clients/cli'));
  const { packages } = JSON.parse(await read('package-lock.json')) as { packages: Record<string, { version: string }> };
  for (const directory of ['', ...found.keys()])
    found.set(`${directory} in the lock file`, packages[directory]!.version);
  const chart = parse(await read('deploy/helm/hyperswap/Chart.yaml')) as { version: string; appVersion: string };
  found.set('chart', chart.version).set('application of the chart', chart.appVersion);
  found.set('docs/command-line.md', /^hyperswap (\d\S*):/m.exec(await read('docs/command-line.md'))?.[1] ?? 'none');
  const plugin = await read('clients/qgis/hyperswap_qgis/metadata.txt');
  found.set('plugin of QGIS', /^version=(.*)$/m.exec(plugin)?.[1] ?? 'none');
  for (const [place, other] of found) assert.equal(other, version, place);

  // hatch reads the version where it is, with this pattern.
  const [, source, pattern] = /\[tool\.hatch\.version\]\npath = "(.*)"\npattern = '(.*)'/.exec(
    await read('clients/python/pyproject.toml'),
  )!;
  assert.equal(path.join('clients', 'python', source!), 'package.json');
  assert.equal(new RegExp(pattern!.replace('?P<', '?<')).exec(await read('package.json'))?.groups!.version, version);
});

test('the notes of a release are the section of its version, else of what is not released', () => {
  const changelog = '# Changelog\n\n## Unreleased\n\n- New.\n\n## 1.2.0 (2026-11-27)\n\n- Old.\n\n## 1.1.0\n';
  assert.equal(releaseNotes(changelog, '1.2.0'), '# hyperswap 1.2.0\n\n- Old.\n');
  assert.equal(releaseNotes(changelog, '1.3.0'), '# hyperswap 1.3.0\n\n- New.\n');
  assert.throws(() => releaseNotes(changelog, '1.1.0'), /nothing about 1\.1\.0/);
});

test('sha256sum checks the checksums of all files, also in folders, and finds a changed one', async () => {
  const directory = await temporaryFolder('release');
  await mkdir(path.join(directory, 'npm'));
  await writeFile(path.join(directory, 'notes.md'), 'notes');
  await writeFile(path.join(directory, 'npm', 'a package.tgz'), 'content');
  await writeChecksums(directory);
  const check = (): Promise<{ stdout: string }> =>
    promisify(execFile)('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: directory });
  assert.equal((await check()).stdout, 'notes.md: OK\nnpm/a package.tgz: OK\n');
  await writeFile(path.join(directory, 'notes.md'), 'other');
  await assert.rejects(check());
});

test('the image is built by the first builder on the PATH, and left out without one', async () => {
  const directory = await temporaryFolder('release');
  const before = process.env.PATH;
  try {
    process.env.PATH = directory;
    assert.equal(await planImage('1.2.3', '/release/image.tar'), undefined);
    await writeFile(path.join(directory, 'podman'), '', { mode: 0o755 });
    const plan = await planImage('1.2.3', '/release/image.tar');
    assert.equal(plan?.builder, 'podman');
    assert.deepEqual(plan.commands.at(-1), [
      ...['save', '--format', 'oci-archive'],
      ...['--output', '/release/image.tar', 'hyperswap:1.2.3'],
    ]);
  } finally {
    process.env.PATH = before;
  }
});
