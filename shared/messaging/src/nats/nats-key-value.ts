import { failure, isKey, validateKey } from '@hyperswap/errors';
import { Events, JSONCodec, NatsError, type KV, type KvEntry, type NatsConnection } from 'nats';
import type { KeyValue, Revisioned } from '../bus.js';
import { ValueReader, type DamageListener } from '../value-reader.js';
import { repeatOnBus } from './connection.js';

/** Error code of JetStream when another process was faster. */
const wrongLastSequence = 10_071;
/** Re-list interval with jitter, in milliseconds, in case a watch event was lost. */
const relistMilliseconds = 30_000;

/** Time that a list waits for changes that are on their way, in milliseconds, before it asks the server for everything. */
const catchUpMilliseconds = 1_000;

/**
 * State in a key-value bucket of JetStream. While somebody watches, a copy is kept, so that looking at all of it, after each of ten thousand changes say, costs
 * one small question: whether the copy is the newest.
 */
export class NatsKeyValue implements KeyValue<unknown> {
  private readonly codec = JSONCodec();
  private readonly reader: ValueReader<Uint8Array, unknown>;
  private bucket: Promise<KV> | undefined;
  private readonly watchers = new Set<(entry: Revisioned<unknown>) => void>();
  private following: AbortController | undefined;
  private readonly copy = new Map<string, Revisioned<unknown>>();
  /** Highest revision that the copy has seen; undefined while it is not whole. */
  private copied: number | undefined;
  /** Waiting for the copy to see more. */
  private readonly waiting = new Set<() => void>();
  private endRound: () => void = () => undefined;

  constructor(
    private readonly connection: NatsConnection,
    private readonly name: string,
    onDamaged: DamageListener,
  ) {
    this.reader = new ValueReader(name, (bytes) => this.codec.decode(bytes), onDamaged);
    void this.listen();
  }

  async get(key: string): Promise<Revisioned<unknown> | undefined> {
    validateKey(key);
    const entry = await this.withBucket((bucket) => bucket.get(encodeKey(key)));
    // Of a deleted key a marker stays.
    return entry?.operation === 'PUT' ? this.reader.read(storedOf(entry)) : undefined;
  }

  async list(): Promise<Revisioned<unknown>[]> {
    const entries = (await this.hasNewest()) ? [...this.copy.values()] : await this.readAll();
    return entries.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async keys(): Promise<string[]> {
    const entries = await this.withBucket((bucket) => currentEntries(bucket));
    return entries
      .map(({ key }) => decodeKey(key))
      .filter(isKey)
      .sort();
  }

  async update(key: string, value: unknown, revision: number): Promise<number> {
    validateKey(key);
    const isStale = (error: unknown): boolean =>
      error instanceof NatsError && error.api_error?.err_code === wrongLastSequence;
    const put = (previousSeq: number): Promise<number> =>
      this.withBucket((bucket) => bucket.put(encodeKey(key), this.codec.encode(value), { previousSeq }), isStale);
    try {
      return await put(revision).catch(async (error: unknown) => {
        const marker = isStale(error) && revision === 0 ? await this.deletionMarker(key) : undefined;
        if (marker === undefined) throw error;
        return put(marker);
      });
    } catch (cause) {
      if (!isStale(cause)) throw cause;
      throw failure('REVISION_STALE', { key, expected: revision }, cause);
    }
  }

  async delete(key: string): Promise<void> {
    validateKey(key);
    await this.withBucket((bucket) => bucket.purge(encodeKey(key)));
  }

  watch(onChange: (entry: Revisioned<unknown>) => void): () => void {
    this.watchers.add(onChange);
    if (this.following === undefined) {
      this.following = new AbortController();
      void this.follow(this.following.signal);
    }
    return () => {
      this.watchers.delete(onChange);
      if (this.watchers.size === 0) this.close();
    };
  }

  close(): void {
    this.following?.abort();
    this.following = undefined;
    this.copied = undefined;
    this.copy.clear();
  }

  /** Returns the revision of the marker that a deleted key leaves; undefined where a value or nothing is. */
  private async deletionMarker(key: string): Promise<number | undefined> {
    const entry = await this.withBucket((bucket) => bucket.get(encodeKey(key)));
    return entry === null || entry.operation === 'PUT' ? undefined : entry.revision;
  }

  /** Tells that the copy holds all that the server does, now or in a moment. */
  private async hasNewest(): Promise<boolean> {
    if (!this.covers(0)) return false;
    const { streamInfo } = await this.withBucket((bucket) => bucket.status());
    const wanted = streamInfo.state.last_seq;
    const deadline = Date.now() + catchUpMilliseconds;
    while (this.covers(0) && !this.covers(wanted) && Date.now() < deadline) {
      await new Promise<void>((resolve) => {
        const look = (): void => {
          clearTimeout(timer);
          this.waiting.delete(look);
          resolve();
        };
        const timer = setTimeout(look, catchUpMilliseconds);
        this.waiting.add(look);
      });
    }
    return this.covers(wanted);
  }

  /** Returns true if the copy is complete and has seen a revision. */
  private covers(revision: number): boolean {
    return this.copied !== undefined && this.copied >= revision;
  }

  private async readAll(): Promise<Revisioned<unknown>[]> {
    const entries = await this.withBucket((bucket) => currentEntries(bucket));
    return entries.map((entry) => this.readIfWhole(entry)).filter((entry) => entry !== undefined);
  }

  /** Follows changes in rounds, and begins each with all values: what was missed while the server was away is told then. */
  private async follow(signal: AbortSignal): Promise<void> {
    const known = new Map<string, number>();
    for (let round = 0; !signal.aborted && !this.connection.isClosed(); round++) {
      let end: () => void = () => undefined;
      try {
        const bucket = await this.open();
        const { values, streamInfo } = await bucket.status();
        // Values that are there at the start of a round; JetStream says with each how many more there are.
        let isStart = values > 0;
        const present = new Set<string>();
        if (!isStart) this.completeCopy(present, streamInfo.state.last_seq);
        const changes = await bucket.watch();
        end = () => changes.stop();
        this.endRound = end;
        signal.addEventListener('abort', end, { once: true });
        const timer = setTimeout(end, relistMilliseconds * (0.75 + 0.5 * Math.random()));
        timer.unref();
        try {
          for await (const entry of changes) {
            const isNews = (known.get(entry.key) ?? 0) < entry.revision;
            known.set(entry.key, entry.revision);
            present.add(entry.key);
            const value = entry.operation === 'PUT' ? this.readIfWhole(entry) : undefined;
            if (value === undefined) this.copy.delete(entry.key);
            else {
              this.copy.set(entry.key, value);
              // What is there at the first look was there before.
              if (isNews && !(isStart && round === 0)) for (const watcher of this.watchers) watcher(value);
            }
            if (isStart && entry.delta === 0) {
              isStart = false;
              this.completeCopy(present, entry.revision);
            } else if (!isStart) this.seen(entry.revision);
          }
        } finally {
          clearTimeout(timer);
        }
      } catch {
        this.bucket = undefined;
        this.copied = undefined;
        await new Promise((resolve) => setTimeout(resolve, 200 + 300 * Math.random()));
      } finally {
        signal.removeEventListener('abort', end);
      }
    }
  }

  /** The copy has everything that was there at the start of a round; what was not is gone. */
  private completeCopy(present: ReadonlySet<string>, revision: number): void {
    for (const key of this.copy.keys()) if (!present.has(key)) this.copy.delete(key);
    this.seen(revision);
  }

  private seen(revision: number): void {
    this.copied = Math.max(this.copied ?? 0, revision);
    for (const look of [...this.waiting]) look();
  }

  private async listen(): Promise<void> {
    for await (const { type } of this.connection.status()) {
      // What was written meanwhile is not in the copy, and a server that lost its data has less than it.
      if (type === Events.Disconnect) this.copied = undefined;
      if (type === Events.Reconnect) this.endRound();
    }
  }

  /** Returns an entry's value; undefined when it cannot be read, or others wrote it under a name that is no key. */
  private readIfWhole(entry: KvEntry): Revisioned<unknown> | undefined {
    const stored = storedOf(entry);
    return isKey(stored.key) ? this.reader.readIfWhole(stored) : undefined;
  }

  private async withBucket<Result>(
    request: (bucket: KV) => Promise<Result>,
    isFinal?: (error: unknown) => boolean,
  ): Promise<Result> {
    return repeatOnBus(async () => {
      try {
        return await request(await this.open());
      } catch (error) {
        if (isFinal?.(error) !== true) this.bucket = undefined;
        throw error;
      }
    }, isFinal);
  }

  private open(): Promise<KV> {
    this.bucket ??= this.connection.jetstream().views.kv(`hyperswap-${this.name}`);
    this.bucket.catch(() => (this.bucket = undefined));
    return this.bucket;
  }
}

/** All values in one answer of the server: a request for each would take seconds for ten thousand. */
async function currentEntries(bucket: KV): Promise<KvEntry[]> {
  const { values } = await bucket.status();
  if (values === 0) return [];
  const entries = new Map<string, KvEntry>();
  const changes = await bucket.watch();
  for await (const entry of changes) {
    if (entry.operation === 'PUT') entries.set(entry.key, entry);
    else entries.delete(entry.key);
    // How many are still to come of those that were there.
    if (entry.delta === 0) changes.stop();
  }
  return [...entries.values()];
}

function storedOf({ key, value, revision }: KvEntry): Revisioned<Uint8Array> {
  return { key: decodeKey(key), value, revision };
}

/** Keys of JetStream may not begin or end with a dot; ours may hold any. */
function encodeKey(key: string): string {
  return key.replaceAll('.', '=');
}

function decodeKey(key: string): string {
  return key.replaceAll('=', '.');
}
