import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { failure } from '@hyperswap/errors';
import type { KeyValue, Revisioned } from '../bus.js';

/** Changes of other processes are noticed within this time. */
const pollMilliseconds = 500;
/** Old revisions stay this long, so that a slow writer cannot take the place of one that was cleared away. */
const keptRevisions = 64;

/**
 * Key-value state in a directory, shared by processes: `<key>/<revision>.json`, the highest revision is the value. A revision is
 * linked into its place, which fails when another process was faster: that is the compare-and-swap.
 */
export class DirectoryKeyValue<Value> implements KeyValue<Value> {
  private readonly watchers = new Set<(entry: Revisioned<Value>) => void>();
  private readonly known = new Map<string, number>();
  private poll: NodeJS.Timeout | undefined;

  constructor(private readonly directory: string) {}

  async get(key: string): Promise<Revisioned<Value> | undefined> {
    const revision = await this.latestRevision(key);
    if (revision === 0) return undefined;
    const text = await readFile(this.file(key, revision), 'utf8');
    return { key, value: JSON.parse(text) as Value, revision };
  }

  async list(): Promise<Revisioned<Value>[]> {
    const keys = await readdir(this.directory).catch(() => [] as string[]);
    const entries = await Promise.all(keys.sort().map((key) => this.get(key)));
    return entries.filter((entry) => entry !== undefined);
  }

  async update(key: string, value: Value, revision: number): Promise<number> {
    const stale = (cause?: unknown): Error => failure('REVISION_STALE', { key, expected: revision }, cause);
    const folder = path.join(this.directory, key);
    await mkdir(folder, { recursive: true });
    if ((await this.latestRevision(key)) !== revision) throw stale();
    const next = revision + 1;
    const staged = path.join(folder, `.${randomUUID()}`);
    try {
      await writeFile(staged, JSON.stringify(value));
      await link(staged, this.file(key, next));
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code;
      if (code === 'EEXIST') throw stale(cause);
      if (code === 'ENOSPC') throw failure('STORE_FULL', { key }, cause);
      throw cause;
    } finally {
      await rm(staged, { force: true });
    }
    await rm(this.file(key, next - keptRevisions), { force: true });
    this.announce({ key, value, revision: next });
    return next;
  }

  async delete(key: string): Promise<void> {
    await rm(path.join(this.directory, key), { recursive: true, force: true });
  }

  watch(onChange: (entry: Revisioned<Value>) => void): () => void {
    this.watchers.add(onChange);
    if (this.poll === undefined) {
      void this.list().then((entries) => {
        for (const { key, revision } of entries) this.remember(key, revision);
      });
      this.poll = setInterval(() => void this.look(), pollMilliseconds);
      this.poll.unref();
    }
    return () => {
      this.watchers.delete(onChange);
      if (this.watchers.size === 0) this.close();
    };
  }

  close(): void {
    clearInterval(this.poll);
    this.poll = undefined;
  }

  private async look(): Promise<void> {
    for (const entry of await this.list()) this.announce(entry);
  }

  private announce(entry: Revisioned<Value>): void {
    if (!this.remember(entry.key, entry.revision)) return;
    for (const watcher of this.watchers) watcher(entry);
  }

  /** Whether the revision is news. */
  private remember(key: string, revision: number): boolean {
    if ((this.known.get(key) ?? 0) >= revision) return false;
    this.known.set(key, revision);
    return true;
  }

  private async latestRevision(key: string): Promise<number> {
    const names = await readdir(path.join(this.directory, key)).catch(() => [] as string[]);
    return Math.max(0, ...names.filter((name) => /^\d+\.json$/.test(name)).map((name) => Number.parseInt(name, 10)));
  }

  private file(key: string, revision: number): string {
    return path.join(this.directory, key, `${revision}.json`);
  }
}
