import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * Returns the sha-256 of every file in a folder, and `folder` for every folder, by path from there.
 *
 * @param isLeftOut paths that do not count
 */
export async function folderState(
  directory: string,
  isLeftOut: (relative: string) => boolean = () => false,
): Promise<Record<string, string>> {
  const state: Record<string, string> = {};
  const walk = async (relative: string): Promise<void> => {
    for (const entry of await readdir(path.join(directory, relative), { withFileTypes: true })) {
      const name = path.join(relative, entry.name);
      if (isLeftOut(name)) continue;
      if (entry.isDirectory()) {
        state[name] = 'folder';
        await walk(name);
      } else {
        const content = await readFile(path.join(directory, name));
        state[name] = createHash('sha256').update(content).digest('hex');
      }
    }
  };
  await walk('');
  return state;
}

/** Returns the paths that differ between two states of a folder, each with what happened to it. */
export function changesOf(before: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): string[] {
  const paths = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort();
  return paths.flatMap((file) => {
    if (before[file] === now[file]) return [];
    if (before[file] === undefined) return [`${file} was made`];
    return [`${file} was ${now[file] === undefined ? 'deleted' : 'changed'}`];
  });
}
