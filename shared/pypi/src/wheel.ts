import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { failure } from '@hyperswap/errors';
import { downloadFromIndex } from './package-index.js';
import { downloadWithPip } from './pip.js';
import type { PinnedWheel } from './pinned-wheel.js';

/** Returns the sha-256 of a file in hexadecimal; the file is read as a stream. */
export async function fileSha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/**
 * Checks a wheel that was downloaded before.
 *
 * @throws FILE_UNREADABLE if it is absent, HASH_MISMATCH if its content differs
 */
export async function verifyWheel(file: string, sha256: string): Promise<void> {
  await stat(file).catch((cause: unknown) => {
    throw failure('FILE_UNREADABLE', { file, reason: 'it does not exist' }, cause);
  });
  const found = await fileSha256(file);
  if (found !== sha256) throw failure('HASH_MISMATCH', { what: file, found, wanted: sha256 });
}

/**
 * Downloads a wheel and checks its content: with pip, which applies the machine's own index, proxy and certificates,
 * and without Python or pip from the package index itself. A wheel in `folder` that has the right content is not
 * downloaded again.
 *
 * @returns the wheel's path in `folder`
 * @throws DOWNLOAD_FAILED if no index can be reached, HASH_MISMATCH if the content differs
 */
export async function fetchWheel(wheel: PinnedWheel, folder: string): Promise<string> {
  const directory = path.resolve(folder);
  await mkdir(directory, { recursive: true });
  const kept = path.join(directory, `${wheel.project}-${wheel.version}-${wheel.sha256.slice(0, 16)}.whl`);
  const here = await stat(kept).then(
    () => true,
    () => false,
  );
  if (here && (await fileSha256(kept)) === wheel.sha256) return kept;

  const download = await mkdtemp(path.join(directory, 'download-'));
  try {
    if (!(await downloadWithPip(wheel, download))) await downloadFromIndex(wheel, download);
    const [name] = (await readdir(download)).filter((entry) => entry.endsWith('.whl'));
    if (name === undefined) {
      throw failure('DOWNLOAD_FAILED', {
        what: `${wheel.project} ${wheel.version}`,
        reason: 'the download ended without a wheel',
        mend: 'Run the command again.',
      });
    }
    await verifyWheel(path.join(download, name), wheel.sha256);
    await rename(path.join(download, name), kept);
    return kept;
  } finally {
    await rm(download, { recursive: true, force: true });
  }
}
