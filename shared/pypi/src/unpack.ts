import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { failure } from '@hyperswap/errors';
import { openPromise } from 'yauzl';

/**
 * Unpacks the members of a wheel whose names start with one of the prefixes.
 *
 * @throws FILE_FORMAT if the file is no zip archive, or a name leaves the folder
 */
export async function extractWheel(wheel: string, prefixes: readonly string[], directory: string): Promise<void> {
  try {
    // yauzl refuses names that are absolute or go up.
    const archive = await openPromise(wheel, { lazyEntries: true, autoClose: false });
    try {
      for await (const entry of archive.eachEntry()) {
        const { fileName } = entry;
        if (fileName.endsWith('/') || !prefixes.some((prefix) => fileName.startsWith(prefix))) continue;
        const file = path.join(directory, ...fileName.split('/'));
        await mkdir(path.dirname(file), { recursive: true });
        await pipeline(await archive.openReadStreamPromise(entry), createWriteStream(file));
      }
    } finally {
      archive.close();
    }
  } catch (cause) {
    throw failure('FILE_FORMAT', { file: wheel, expected: 'wheel', reason: (cause as Error).message }, cause);
  }
}
