/** Contents of a home folder by name, read from its store without starting services. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { DirectoryObjectStore } from '@hyperswap/storage';

export interface HomeContents {
  readonly scenes: readonly string[];
  /** Adapters with their newest version: `field@2`. */
  readonly adapters: readonly string[];
}

/**
 * Returns the names of scenes and adapters of a home folder; undefined if there is no such folder. Damaged entries are
 * skipped without an error.
 */
export async function homeContents(home: string): Promise<HomeContents | undefined> {
  const directory = path.join(home, 'store');
  const isThere = await stat(directory).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  if (!isThere) return undefined;
  const store = new DirectoryObjectStore(directory);
  const scenes = (await store.list('scenes/')).flatMap(
    ({ key }) => /^scenes\/([^/]+)\/scene\.json$/.exec(key)?.[1] ?? [],
  );
  const versions = new Map<string, number>();
  for (const { key } of await store.list('adapters/')) {
    const [, name, version] = /^adapters\/([^/]+)\/(\d+)\/manifest\.json$/.exec(key) ?? [];
    if (name !== undefined) versions.set(name, Math.max(versions.get(name) ?? 0, Number(version)));
  }
  return { scenes, adapters: [...versions].map(([name, version]) => `${name}@${version}`) };
}
