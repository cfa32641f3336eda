import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root of the repository. */
export const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** Fields of a `package.json` that a release reads. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** A package of this repository. */
export interface Workspace {
  /** Path from the root, for example `shared/map`. */
  readonly directory: string;
  readonly manifest: Manifest;
}

/** Reads a `package.json`. @param directory path from the root, or an absolute one */
export async function readManifest(directory: string): Promise<Manifest> {
  return JSON.parse(await readFile(path.resolve(repository, directory, 'package.json'), 'utf8')) as Manifest;
}

/** Lists all packages of this repository. */
export async function workspaces(): Promise<Workspace[]> {
  const { workspaces: patterns } = (await readManifest('.')) as unknown as { workspaces: readonly string[] };
  const found: Workspace[] = [];
  for (const pattern of patterns) {
    const parent = pattern.endsWith('/*') ? pattern.slice(0, -2) : undefined;
    const directories =
      parent === undefined
        ? [pattern]
        : (await readdir(path.join(repository, parent))).sort().map((name) => `${parent}/${name}`);
    for (const directory of directories) {
      // A folder without package.json is a client in another language.
      const manifest = await readManifest(directory).catch(() => undefined);
      if (manifest !== undefined) found.push({ directory, manifest });
    }
  }
  return found;
}

/** Returns a package and all packages of this repository that it needs, sorted by name. */
export async function withDependencies(name: string): Promise<Workspace[]> {
  const all = new Map((await workspaces()).map((workspace) => [workspace.manifest.name, workspace]));
  const needed = new Set([name]);
  for (const each of needed) {
    for (const other of Object.keys(all.get(each)!.manifest.dependencies ?? {})) if (all.has(other)) needed.add(other);
  }
  return [...needed].sort().map((each) => all.get(each)!);
}
