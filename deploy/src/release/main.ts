/**
 * `make release`: all that a release consists of, in a folder. Nothing is published. `make python-client` comes before.
 *
 *   node deploy/dist/release/main.js FOLDER [--no-images]
 */
import { execFile, spawn } from 'node:child_process';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { serverProgram } from '../server-programs.js';
import { writeChecksums } from './checksums.js';
import { planImage } from './images.js';
import { releaseNotes } from './release-notes.js';
import { stageCommand } from './stage-command.js';
import { readManifest, repository } from './workspaces.js';

const [folder = 'out/release', ...flags] = process.argv.slice(2);
const release = path.resolve(folder);
const { version } = await readManifest('.');

await rm(release, { recursive: true, force: true });
report(`hyperswap ${version} in ${release}`);
const changelog = await readFile(path.join(repository, 'CHANGELOG.md'), 'utf8');
await mkdir(release, { recursive: true });
await writeFile(path.join(release, 'RELEASE_NOTES.md'), releaseNotes(changelog, version));

report('npm: the command');
const stage = path.join(repository, 'out', 'npm', 'hyperswap');
await stageCommand(stage);
await npm('pack', '--ignore-scripts', '--pack-destination', await part('npm'));
const format = ['--sbom-format=cyclonedx', '--sbom-type=application'];
const bill = await npm('sbom', '--package-lock-only', '--omit=dev', ...format);
await writeFile(path.join(release, 'npm', `hyperswap-${version}.cdx.json`), bill);

report('python: the client');
for (const name of [`hyperswap-${version}-py3-none-any.whl`, `hyperswap-${version}.tar.gz`]) {
  await cp(path.join(repository, 'out', 'python', name), path.join(await part('python'), name));
}

report('qgis: the plugin');
const plugin = path.join(await part('qgis'), `hyperswap_qgis-${version}.zip`);
await run('git', ['archive', '--format=zip', '--output', plugin, 'HEAD:clients/qgis', 'hyperswap_qgis']);

report('helm: the chart');
const chart = path.join(repository, 'deploy', 'helm', 'hyperswap');
const versions = ['--version', version, '--app-version', version];
await run(await serverProgram('helm'), ['package', chart, '--destination', await part('helm'), ...versions]);

if (flags.includes('--no-images')) report('image: left out');
else {
  const file = path.join(await part('image'), `hyperswap-${version}.tar`);
  const plan = await planImage(version, file);
  if (plan === undefined) report('image: left out, as there is no buildah, podman or docker on the PATH');
  else {
    report(`image: by ${plan.builder}`);
    for (const args of plan.commands) await show(plan.builder, args);
  }
}

await writeChecksums(release);
report(`Done. "sha256sum --check SHA256SUMS" in ${release} checks the files.`);

function report(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Returns the folder of one kind of file. */
async function part(name: string): Promise<string> {
  const directory = path.join(release, name);
  await mkdir(directory, { recursive: true });
  return directory;
}

async function run(program: string, args: readonly string[], cwd = repository): Promise<string> {
  return (await promisify(execFile)(program, args, { cwd, maxBuffer: 256 * 1024 ** 2 })).stdout;
}

function npm(...args: readonly string[]): Promise<string> {
  return run('npm', ['--loglevel=error', ...args], stage);
}

/** Runs a program whose progress is shown. */
function show(program: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: repository, stdio: 'inherit' });
    child.once('error', reject).once('exit', (code) => {
      if (code === 0) resolve();
      else
        reject(
          new Error(
            `${program} ${args[0]} failed. IMAGES=no leaves the image out; NODE_IMAGE names another base image.`,
          ),
        );
    });
  });
}
