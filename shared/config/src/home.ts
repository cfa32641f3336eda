import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { failure } from '@hyperswap/errors';

/** Codes of a disk, or a user's share of it, that is full. */
const fullCodes = ['ENOSPC', 'EDQUOT'];

/**
 * Creates folders in the home folder, and tests that each is writable, so that an unusable home stops the start and not
 * the first training. A full disk does not stop the start, because the user can delete scenes to free space.
 *
 * @param folders paths in the home folder
 * @throws HOME_UNUSABLE; STORE_FULL when a folder is missing and there is no space for it
 */
export async function prepareHome(home: string, folders: readonly string[]): Promise<void> {
  for (const name of folders) {
    const folder = path.join(home, name);
    const probe = path.join(folder, `.${randomUUID()}`);
    try {
      await mkdir(folder, { recursive: true });
    } catch (cause) {
      if (fullCodes.includes(codeOf(cause))) throw failure('STORE_FULL', { key: folder }, cause);
      throw unusable(home, folder, cause);
    }
    try {
      await writeFile(probe, 'x', { flag: 'wx' });
    } catch (cause) {
      if (!fullCodes.includes(codeOf(cause))) throw unusable(home, folder, cause);
    } finally {
      await rm(probe, { force: true }).catch(() => undefined);
    }
  }
}

function unusable(home: string, folder: string, cause: unknown): Error {
  return failure('HOME_UNUSABLE', { home, reason: `${folder} ${reasonOf(cause)}` }, cause);
}

function reasonOf(cause: unknown): string {
  switch (codeOf(cause)) {
    case 'EEXIST':
    case 'ENOTDIR':
      return 'cannot be a folder, since it or a part of its path is a file';
    case 'EROFS':
      return 'is on a file system that is read-only';
    case 'EACCES':
    case 'EPERM':
      return 'may not be written by this user';
    default:
      return `cannot be written (${(cause as Error).message})`;
  }
}

function codeOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? '';
}
