import { constants } from 'node:fs';
import { access, realpath } from 'node:fs/promises';
import path from 'node:path';

/** Returns the command that runs this program from this folder: its name where the PATH leads to it, else its path. */
export async function ownCommand(): Promise<string> {
  const program = process.argv[1] ?? 'hyperswap';
  const real = await realpath(program).catch(() => program);
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    const candidate = path.join(folder, 'hyperswap');
    const isThere = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    // The first one on the PATH is the one that a shell runs.
    if (isThere) return (await realpath(candidate)) === real ? 'hyperswap' : relativeOf(program);
  }
  return relativeOf(program);
}

function relativeOf(program: string): string {
  const relative = path.relative('', program);
  return relative.startsWith('..') || path.isAbsolute(relative) ? relative : `./${relative}`;
}
