import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Writes `SHA256SUMS` of all other files of a folder and its folders, as `sha256sum --check` reads it. */
export async function writeChecksums(directory: string): Promise<void> {
  const lines: string[] = [];
  for (const name of (await readdir(directory, { recursive: true })).sort()) {
    const file = path.join(directory, name);
    if (name === 'SHA256SUMS' || !(await stat(file)).isFile()) continue;
    const hash = createHash('sha256');
    await pipeline(createReadStream(file), hash);
    lines.push(`${hash.digest('hex')}  ${name}\n`);
  }
  await writeFile(path.join(directory, 'SHA256SUMS'), lines.join(''));
}
