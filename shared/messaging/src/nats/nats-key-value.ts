import { failure } from '@hyperswap/errors';
import { Events, JSONCodec, NatsError, type KV, type KvEntry, type NatsConnection } from 'nats';
import type { KeyValue, Revisioned } from '../bus.js';
import { repeatOnBus } from './connection.js';

/** What JetStream answers when another was faster. */
const wrongLastSequence = 10_071;
/** Even when nothing is heard, all values are looked at again this often, more or less. */
const relistMilliseconds = 30_000;

/** State in a key-value bucket of JetStream. */
export class NatsKeyValue<Value> implements KeyValue<Value> {
  private readonly codec = JSONCodec<Value>();
  private bucket: Promise<KV> | undefined;
  private readonly stops = new Set<() => void>();
  /** Called when the server is back. */
  private readonly relists = new Set<() => void>();

  constructor(
    private readonly connection: NatsConnection,
    private readonly name: string,
  ) {
    void this.listen();
  }

  async get(key: string): Promise<Revisioned<Value> | undefined> {
    const entry = await this.withBucket((bucket) => bucket.get(encodeKey(key)));
    // Of a deleted key a marker stays.
    return entry?.operation === 'PUT' ? this.read(entry) : undefined;
  }

  async list(): Promise<Revisioned<Value>[]> {
    const entries = await this.withBucket((bucket) => currentEntries(bucket));
    return entries.map((entry) => this.read(entry)).sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async update(key: string, value: Value, revision: number): Promise<number> {
    const isStale = (error: unknown): boolean =>
      error instanceof NatsError && error.api_error?.err_code === wrongLastSequence;
    try {
      return await this.withBucket(
        (bucket) => bucket.put(encodeKey(key), this.codec.encode(value), { previousSeq: revision }),
        isStale,
      );
    } catch (cause) {
      if (!isStale(cause)) throw cause;
      throw failure('REVISION_STALE', { key, expected: revision }, cause);
    }
  }

  async delete(key: string): Promise<void> {
    await this.withBucket((bucket) => bucket.purge(encodeKey(key)));
  }

  watch(onChange: (entry: Revisioned<Value>) => void): () => void {
    const known = new Map<string, number>();
    const tell = (entry: Revisioned<Value>, isSilent: boolean): void => {
      if ((known.get(entry.key) ?? 0) >= entry.revision) return;
      known.set(entry.key, entry.revision);
      if (!isSilent) onChange(entry);
    };
    const stopping = new AbortController();
    const stop = (): void => {
      this.stops.delete(stop);
      stopping.abort();
    };
    this.stops.add(stop);
    void this.follow(tell, stopping.signal);
    return stop;
  }

  close(): void {
    for (const stop of [...this.stops]) stop();
  }

  /** Follows changes, and looks at all values after each silence: what was missed while the server was away is told then. */
  private async follow(
    tell: (entry: Revisioned<Value>, isSilent: boolean) => void,
    signal: AbortSignal,
  ): Promise<void> {
    for (let round = 0; !signal.aborted && !this.connection.isClosed(); round++) {
      let end: () => void = () => undefined;
      try {
        // What is there at the first look was there before; later looks tell what changed meanwhile.
        for (const entry of await this.list()) tell(entry, round === 0);
        const bucket = await this.open();
        const changes = await bucket.watch();
        end = () => changes.stop();
        signal.addEventListener('abort', end, { once: true });
        const timer = setTimeout(end, relistMilliseconds * (0.75 + 0.5 * Math.random()));
        timer.unref();
        this.relists.add(end);
        try {
          for await (const entry of changes) if (entry.operation === 'PUT') tell(this.read(entry), false);
        } finally {
          clearTimeout(timer);
          this.relists.delete(end);
        }
      } catch {
        this.bucket = undefined;
        await new Promise((resolve) => setTimeout(resolve, 200 + 300 * Math.random()));
      } finally {
        signal.removeEventListener('abort', end);
      }
    }
  }

  private async listen(): Promise<void> {
    for await (const { type } of this.connection.status()) {
      if (type === Events.Reconnect) for (const relist of this.relists) relist();
    }
  }

  private read({ key, value, revision }: KvEntry): Revisioned<Value> {
    return { key: decodeKey(key), value: this.codec.decode(value), revision };
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

/** Keys of JetStream may not begin or end with a dot; ours may hold any. */
function encodeKey(key: string): string {
  return key.replaceAll('.', '=');
}

function decodeKey(key: string): string {
  return key.replaceAll('=', '.');
}
