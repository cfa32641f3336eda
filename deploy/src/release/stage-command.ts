/**
 * The npm package `hyperswap`: the command line with all that it needs of this repository, as a folder for `npm pack`.
 */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setUpChosenEngine } from '@hyperswap/tensor';
import { readManifest, repository, withDependencies, type Manifest, type Workspace } from './workspaces.js';

/** Files of a package beside `dist` that run-time code reads. */
const alsoRead: Readonly<Record<string, readonly string[]>> = {
  '@hyperswap/proto': ['generated/descriptors.binpb'],
  '@hyperswap/spectralgpt': ['pretrained'],
  '@hyperswap/tensor': ['kernels', 'string-list-attribute.patch'],
};
const tfjsNode = '@tensorflow/tfjs-node-gpu';

/** Entry of package-lock.json. */
interface Locked {
  readonly version?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/**
 * Writes the folder. Packages of this repository are bundled, without types and source maps. Packages of others that
 * they name are pinned to the versions that were tested. tfjs-node is bundled without its install script, which would
 * fetch a TensorFlow of 2022. The addon of the engine for Linux x64 is inside, so that users need no compiler.
 * package-lock.json, which npm does not pack, has all versions for the bill of materials.
 */
export async function stageCommand(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  const root = await readManifest('.');
  const packages = await withDependencies('@hyperswap/cli');
  for (const workspace of packages) await bundle(workspace, path.join(directory, 'node_modules'));
  await bundleTfjsNode(path.join(directory, 'node_modules', tfjsNode));
  await bundleAddon(path.join(directory, 'node_modules', '@hyperswap', 'tensor', 'prebuilt'));
  for (const name of ['README.md', 'CHANGELOG.md', 'LICENSE', 'bin']) {
    await cp(path.join(repository, name), path.join(directory, name), { recursive: true });
  }

  const lock = JSON.parse(await readFile(path.join(repository, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>;
  };
  const bundled = [...packages.map(({ manifest }) => manifest.name), tfjsNode];
  const manifest = {
    name: root.name,
    version: root.version,
    description: root.description,
    license: root.license,
    type: root.type,
    bin: root.bin,
    engines: root.engines,
    dependencies: {
      ...directDependencies(packages, lock.packages),
      ...Object.fromEntries(packages.map((each) => [each.manifest.name, each.manifest.version])),
    },
    bundleDependencies: bundled,
  };
  await writeJson(path.join(directory, 'package.json'), manifest);
  await writeJson(path.join(directory, 'package-lock.json'), {
    name: root.name,
    version: root.version,
    lockfileVersion: 3,
    requires: true,
    packages: { '': manifest, ...pinned(packages, lock.packages) },
  });
}

/** Copies a package of this repository. */
async function bundle({ directory, manifest }: Workspace, modules: string): Promise<void> {
  const [from, to] = [path.join(repository, directory), path.join(modules, manifest.name)];
  await cp(path.join(from, 'dist'), path.join(to, 'dist'), {
    recursive: true,
    filter: (file) => !/\.(d\.ts|map|tsbuildinfo)$/.test(file),
  });
  for (const name of alsoRead[manifest.name] ?? []) {
    await cp(path.join(from, name), path.join(to, name), { recursive: true });
  }
  await writeJson(path.join(to, 'package.json'), withoutDevelopment(manifest));
}

async function bundleTfjsNode(to: string): Promise<void> {
  const from = path.join(repository, 'node_modules', tfjsNode);
  for (const name of ['dist', 'binding', 'README.md']) {
    await cp(path.join(from, name), path.join(to, name), { recursive: true, filter: (file) => !file.endsWith('.map') });
  }
  await writeJson(path.join(to, 'package.json'), withoutDevelopment(await readManifest(from)));
}

/**
 * Returns a manifest without `scripts`, so that npm runs nothing at the installation, and without `gypfile`, so that it
 * compiles nothing.
 */
function withoutDevelopment(manifest: Manifest): object {
  return without(manifest, 'devDependencies', 'scripts', 'private', 'gypfile');
}

/** Copies the addon of this machine, which may come from the cache. */
async function bundleAddon(to: string): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('A release is made on Linux x64, the platform that its addon is for.');
  }
  const built = await setUpChosenEngine((line) => {
    process.stdout.write(`${line}\n`);
  });
  const folder = path.join(to, path.basename(built));
  await mkdir(folder, { recursive: true });
  await cp(path.join(built, 'tfjs_binding.node'), path.join(folder, 'tfjs_binding.node'));
}

/**
 * Returns the packages of others that the bundled ones name, in the versions that were tested. npm installs nothing
 * else for bundled packages.
 *
 * @throws Error if two of them need different versions of one, which could not be installed
 */
function directDependencies(
  packages: readonly Workspace[],
  lock: Readonly<Record<string, Locked>>,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const place of [...packages.map(({ directory }) => directory), `node_modules/${tfjsNode}`]) {
    for (const name of Object.keys(lock[place]!.dependencies ?? {})) {
      const { version, link } = lock[resolve(place, name, lock)!]!;
      if (link === true || version === undefined) continue;
      if ((found[name] ?? version) !== version)
        throw new Error(`${place} needs ${name} ${version}, another ${found[name]}`);
      found[name] = version;
    }
  }
  return Object.fromEntries(Object.entries(found).sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** Returns the entries of the lock file that the packages need, at their places in the npm package. */
function pinned(packages: readonly Workspace[], lock: Readonly<Record<string, Locked>>): Record<string, object> {
  const found: Record<string, object> = {};
  const waiting: string[] = [];
  for (const { directory, manifest } of packages) {
    const { name, version, license, dependencies } = manifest;
    found[`node_modules/${name}`] = { version, license, dependencies, inBundle: true };
    waiting.push(directory);
  }
  const seen = new Set(waiting);
  for (let place; (place = waiting.pop()) !== undefined;) {
    const { dependencies, optionalDependencies, peerDependencies } = lock[place]!;
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      const at = resolve(place, name, lock);
      if (at === undefined || lock[at]!.link === true || seen.has(at)) continue;
      seen.add(at);
      waiting.push(at);
      const inside = packages.find(({ directory }) => at.startsWith(`${directory}/`));
      const entry = without(lock[at]!, 'dev', ...(name === tfjsNode ? ['hasInstallScript'] : []));
      const kept = name === tfjsNode ? { ...entry, inBundle: true } : entry;
      found[inside === undefined ? at : at.replace(inside.directory, `node_modules/${inside.manifest.name}`)] = kept;
    }
  }
  return Object.fromEntries(Object.entries(found).sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** Finds a package as Node does from a place; undefined for optional ones that are not locked. */
function resolve(from: string, name: string, lock: Readonly<Record<string, Locked>>): string | undefined {
  for (let folder = from; ; folder = folder.includes('/') ? folder.slice(0, folder.lastIndexOf('/')) : '') {
    const at = `${folder}${folder === '' ? '' : '/'}node_modules/${name}`;
    if (at in lock) return at;
    if (folder === '') return undefined;
  }
}

function without(object: object, ...names: readonly string[]): object {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

async function writeJson(file: string, value: unknown): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(value, null, 2)}\n`);
}
