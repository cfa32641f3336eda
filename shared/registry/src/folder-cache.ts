import { rmSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

interface Folder {
  readonly directory: string;
  readonly bytes: number;
}

/** Folder that exists until it is released. */
export interface HeldFolder {
  readonly directory: string;
  release(): Promise<void>;
}

interface Entry {
  readonly ready: Promise<Folder>;
  users: number;
  /** Size after it is filled. */
  bytes: number;
}

/**
 * Folders of files that this process fetched, by the digest of their content, so that each is fetched once. Folders in
 * use stay. Of the others, the least recently used ones are evicted when the total exceeds the limit. The cache is
 * deleted at the end of the process.
 */
export class FolderCache {
  /** By digest, in order of last use. */
  private readonly entries = new Map<string, Entry>();
  private root: Promise<string> | undefined;
  private removeAtExit: (() => void) | undefined;

  /** @param maximumBytes limit of the unused folders on disk */
  constructor(private readonly maximumBytes: number) {}

  /**
   * A folder of the files of a digest.
   *
   * @param fill writes the files into an empty folder, and checks that they are what the digest says
   * @throws errors of `fill`; a folder that could not be filled is tried again by the next call
   */
  async acquire(digest: string, fill: (directory: string) => Promise<void>): Promise<HeldFolder> {
    const entry = this.entries.get(digest) ?? { ready: this.make(digest, fill), users: 0, bytes: 0 };
    // Last in the order of use.
    this.entries.delete(digest);
    this.entries.set(digest, entry);
    entry.users += 1;
    const { directory, bytes } = await entry.ready;
    entry.bytes = bytes;
    return {
      directory,
      release: async () => {
        entry.users -= 1;
        await this.evict();
      },
    };
  }

  /** Removes all folders; none may be in use. */
  async close(): Promise<void> {
    const root = await this.root?.catch(() => undefined);
    this.entries.clear();
    this.root = undefined;
    if (this.removeAtExit !== undefined) process.off('exit', this.removeAtExit);
    if (root !== undefined) await rm(root, { recursive: true, force: true });
  }

  private async make(digest: string, fill: (directory: string) => Promise<void>): Promise<Folder> {
    let directory: string | undefined;
    try {
      this.root ??= this.makeRoot();
      directory = await mkdtemp(path.join(await this.root, `${digest.slice(0, 12)}-`));
      await fill(directory);
      return { directory, bytes: await folderBytes(directory) };
    } catch (error) {
      this.entries.delete(digest);
      if (directory !== undefined) await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  private async makeRoot(): Promise<string> {
    const root = await mkdtemp(path.join(tmpdir(), 'hyperswap-backbones-'));
    // Handler for process ends that close nothing.
    this.removeAtExit = () => rmSync(root, { recursive: true, force: true });
    process.once('exit', this.removeAtExit);
    return root;
  }

  private async evict(): Promise<void> {
    let total = [...this.entries.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    for (const [digest, { ready, users, bytes }] of [...this.entries]) {
      if (total <= this.maximumBytes) return;
      if (users > 0) continue;
      this.entries.delete(digest);
      total -= bytes;
      await ready.then(({ directory }) => rm(directory, { recursive: true, force: true })).catch(() => undefined);
    }
  }
}

async function folderBytes(directory: string): Promise<number> {
  const sizes = (await readdir(directory)).map(async (file) => (await stat(path.join(directory, file))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
