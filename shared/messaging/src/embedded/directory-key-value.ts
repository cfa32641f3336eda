import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { failure, HyperswapError, isKey, validateKey } from '@hyperswap/errors';
import type { KeyValue, Revisioned, ValuePage } from '../bus.js';
import { ValueReader, type DamageListener } from '../value-reader.js';
import { codeOf, diskFailure } from './disk-failure.js';

/** Polling interval for changes of other processes. */
const pollMilliseconds = 500;
/** Retention of old revisions, so that a slow writer cannot reuse the number of a deleted revision. */
const keptRevisions = 64;
/** Values that are read at once. */
const readsAtOnce = 64;

/**
 * Key-value state in a directory, shared by processes: `<key>/<revision>.json`, the highest revision is the value. A
 * revision is linked into its place, which fails when another process was faster: that is the compare-and-swap.
 */
export class DirectoryKeyValue implements KeyValue<unknown> {
  private readonly watchers = new Set<(entry: Revisioned<unknown>) => void>();
  private readonly known = new Map<string, number>();
  private readonly reader: ValueReader<string, unknown>;
  private poll: NodeJS.Timeout | undefined;
  private isLooking = false;

  constructor(
    private readonly directory: string,
    onDamaged: DamageListener,
  ) {
    const parse = (text: string): unknown => JSON.parse(text);
    this.reader = new ValueReader(path.basename(directory), parse, onDamaged);
  }

  async get(key: string): Promise<Revisioned<unknown> | undefined> {
    const stored = await this.readText(validateKey(key));
    return stored && this.reader.read(stored);
  }

  async list(): Promise<Revisioned<unknown>[]> {
    const stored = await this.readAtOnce(await this.keys(), (key) => this.readText(key));
    return stored.map((entry) => this.reader.readIfWhole(entry)).filter((entry) => entry !== undefined);
  }

  async page(from: string, most: number): Promise<ValuePage<unknown>> {
    const keys = (await this.keys()).filter((key) => key >= from);
    const stored = await this.readAtOnce(keys.slice(0, most), (key) => this.readText(key));
    const entries: Revisioned<unknown>[] = [];
    const damaged: string[] = [];
    for (const entry of stored) {
      const whole = this.reader.readIfWhole(entry);
      if (whole === undefined) damaged.push(entry.key);
      else entries.push(whole);
    }
    return { entries, damaged, next: keys[most] };
  }

  private async keys(): Promise<string[]> {
    // Files of other programs, whose names are not keys, are ignored.
    return (await namesIn(this.directory)).filter(isKey).sort();
  }

  async update(key: string, value: unknown, revision: number): Promise<number> {
    const folder = this.folder(key);
    const stale = (cause?: unknown): Error => failure('REVISION_STALE', { key, expected: revision }, cause);
    if ((await this.latestRevision(key)) !== revision) throw stale();
    const next = revision + 1;
    const staged = path.join(folder, `.${randomUUID()}`);
    try {
      // The folder of an existing key is never created again: the key may just have been deleted.
      if (revision === 0) await mkdir(folder, { recursive: true });
      await writeFile(staged, JSON.stringify(value), { flush: true });
      await link(staged, this.file(key, next));
    } catch (cause) {
      // Another process was faster, or deleted the key.
      if (['EEXIST', 'ENOENT'].includes(codeOf(cause))) throw stale(cause);
      throw diskFailure(key, cause);
    } finally {
      await rm(staged, { force: true }).catch(() => undefined);
    }
    await rm(this.file(key, next - keptRevisions), { force: true }).catch(() => undefined);
    this.announce({ key, value, revision: next });
    return next;
  }

  async delete(key: string): Promise<void> {
    const folder = this.folder(key);
    this.known.delete(key);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 }).catch((cause: unknown) => {
      throw diskFailure(key, cause);
    });
  }

  watch(onChange: (entry: Revisioned<unknown>) => void): () => void {
    this.watchers.add(onChange);
    if (this.poll === undefined) {
      this.look(({ key, revision }) => this.remember(key, revision));
      this.poll = setInterval(() => this.look((entry) => this.announce(entry)), pollMilliseconds);
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

  /** Looks for new revisions, and reads only those. Two scans a second are cheap. */
  private look(onEntry: (entry: Revisioned<unknown>) => void): void {
    if (this.isLooking) return;
    this.isLooking = true;
    const before = [...this.known];
    const looked = this.readNews().finally(() => (this.isLooking = false));
    looked.then(
      ({ keys, news }) => {
        const present = new Set(keys);
        // A key that was deleted begins again at revision 1.
        for (const [key, revision] of before) {
          if (!present.has(key) && this.known.get(key) === revision) this.known.delete(key);
        }
        for (const stored of news) {
          const entry = this.reader.readIfWhole(stored);
          if (entry === undefined) this.remember(stored.key, stored.revision);
          else onEntry(entry);
        }
      },
      (error: unknown) => {
        // The next scan retries; callers that read or write get the error.
        if (!HyperswapError.is(error, 'STORE_UNREACHABLE', 'STORE_FULL')) throw error;
      },
    );
  }

  private async readNews(): Promise<{
    readonly keys: readonly string[];
    readonly news: readonly Revisioned<string>[];
  }> {
    const keys = await this.keys();
    const news = await this.readAtOnce(keys, async (key) => {
      const revision = await this.latestRevision(key);
      return (this.known.get(key) ?? 0) >= revision ? undefined : this.readText(key);
    });
    return { keys, news };
  }

  private async readAtOnce<Result>(
    keys: readonly string[],
    read: (key: string) => Promise<Result | undefined>,
  ): Promise<Result[]> {
    const results: Result[] = [];
    for (let first = 0; first < keys.length; first += readsAtOnce) {
      const some = await Promise.all(keys.slice(first, first + readsAtOnce).map(read));
      results.push(...some.filter((result) => result !== undefined));
    }
    return results;
  }

  private announce(entry: Revisioned<unknown>): void {
    if (!this.remember(entry.key, entry.revision)) return;
    for (const watcher of this.watchers) watcher(entry);
  }

  /** @returns true if the revision is new */
  private remember(key: string, revision: number): boolean {
    if ((this.known.get(key) ?? 0) >= revision) return false;
    this.known.set(key, revision);
    return true;
  }

  /** Returns the text of the highest revision; undefined where there is none. */
  private async readText(key: string): Promise<Revisioned<string> | undefined> {
    for (;;) {
      const revision = await this.latestRevision(key);
      if (revision === 0) return undefined;
      try {
        return { key, value: await readFile(this.file(key, revision), 'utf8'), revision };
      } catch (cause) {
        // Deleted in the meantime, or removed because of its age.
        if (codeOf(cause) !== 'ENOENT') throw diskFailure(key, cause);
      }
    }
  }

  private async latestRevision(key: string): Promise<number> {
    const names = await namesIn(this.folder(key));
    return Math.max(
      0,
      ...names.filter((name) => /^[1-9]\d{0,14}\.json$/.test(name)).map((name) => Number.parseInt(name, 10)),
    );
  }

  private file(key: string, revision: number): string {
    return path.join(this.folder(key), `${revision}.json`);
  }

  /** Returns the folder of a key; no key leaves the directory. @throws NAME_INVALID */
  private folder(key: string): string {
    return path.join(this.directory, validateKey(key));
  }
}

/** Returns the names in a folder; none where there is no folder. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(cause))) return [];
    throw diskFailure(folder, cause);
  }
}
