import { failure, validateKey } from '@hyperswap/errors';
import { NatsError, type NatsConnection } from 'nats';
import type { KeyValue, Revisioned, ValuePage } from '../bus.js';
import { OrderedEntries } from '../ordered-entries.js';
import type { DamageListener } from '../value-reader.js';
import { encodeKey, isWhole, NatsBucket, type ReadValue } from './bucket.js';
import { FollowedCopy } from './followed-copy.js';

/** Error code of JetStream when another process was faster. */
const wrongLastSequence = 10_071;

/**
 * State in a key-value bucket of JetStream. While the bucket is watched, this process keeps a copy. A list of all
 * values then costs one small request: whether the copy is current.
 */
export class NatsKeyValue implements KeyValue<unknown> {
  private readonly bucket: NatsBucket;
  private readonly watchers = new Set<(entry: Revisioned<unknown>) => void>();
  private copy: FollowedCopy | undefined;

  constructor(
    private readonly connection: NatsConnection,
    name: string,
    onDamaged: DamageListener,
  ) {
    this.bucket = new NatsBucket(connection, name, onDamaged);
  }

  async get(key: string): Promise<Revisioned<unknown> | undefined> {
    validateKey(key);
    const entry = await this.bucket.ask((bucket) => bucket.get(encodeKey(key)));
    // A deleted key leaves a marker.
    return entry?.operation === 'PUT' ? this.bucket.read(entry) : undefined;
  }

  async list(): Promise<Revisioned<unknown>[]> {
    return (await this.newest()).from('', Infinity).filter(isWhole);
  }

  async page(from: string, most: number): Promise<ValuePage<unknown>> {
    const found = (await this.newest()).from(from, most + 1);
    const page = found.slice(0, most);
    return {
      entries: page.filter(isWhole),
      damaged: page.filter((entry) => !isWhole(entry)).map(({ key }) => key),
      next: found[most]?.key,
    };
  }

  async update(key: string, value: unknown, revision: number): Promise<number> {
    validateKey(key);
    const isStale = (error: unknown): boolean =>
      error instanceof NatsError && error.api_error?.err_code === wrongLastSequence;
    const content = this.bucket.encode(value);
    const put = (previousSeq: number): Promise<number> =>
      this.bucket.ask((bucket) => bucket.put(encodeKey(key), content, { previousSeq }), isStale);
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
    await this.bucket.ask((bucket) => bucket.purge(encodeKey(key)));
  }

  watch(onChange: (entry: Revisioned<unknown>) => void): () => void {
    this.watchers.add(onChange);
    this.copy ??= new FollowedCopy(this.bucket, this.connection, (entry) => {
      for (const watcher of this.watchers) watcher(entry);
    });
    return () => {
      this.watchers.delete(onChange);
      if (this.watchers.size === 0) this.close();
    };
  }

  close(): void {
    this.copy?.stop();
    this.copy = undefined;
  }

  /** Returns the revision of the marker of a deleted key; undefined if the key has a value or never existed. */
  private async deletionMarker(key: string): Promise<number | undefined> {
    const entry = await this.bucket.ask((bucket) => bucket.get(encodeKey(key)));
    return entry === null || entry.operation === 'PUT' ? undefined : entry.revision;
  }

  /** Returns all values of the server. */
  private async newest(): Promise<OrderedEntries<ReadValue>> {
    const copied = await this.copy?.newest();
    if (copied !== undefined) return copied;
    const all = new OrderedEntries<ReadValue>();
    for (const entry of await this.bucket.all()) all.set(entry);
    return all;
  }
}
