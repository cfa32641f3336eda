import { isKey } from '@hyperswap/errors';
import { JSONCodec, type KV, type KvEntry, type NatsConnection } from 'nats';
import type { Revisioned } from '../bus.js';
import { ValueReader, type DamageListener } from '../value-reader.js';
import { repeatOnBus } from './connection.js';

/** Value as read; undefined (which is not JSON) if it cannot be read. */
export type ReadValue = Revisioned<unknown>;

/** Position in a bucket's stream. */
export interface StreamState {
  /** Time at which the stream was created; it changes after a server lost its data. */
  readonly created: string;
  readonly lastRevision: number;
}

/** Key-value bucket of JetStream, created on demand. */
export class NatsBucket {
  private readonly codec = JSONCodec();
  private readonly reader: ValueReader<Uint8Array, unknown>;
  private opened: Promise<KV> | undefined;

  constructor(
    private readonly connection: NatsConnection,
    private readonly name: string,
    onDamaged: DamageListener,
  ) {
    this.reader = new ValueReader(name, (bytes) => this.codec.decode(bytes), onDamaged);
  }

  get isClosed(): boolean {
    return this.connection.isClosed();
  }

  encode(value: unknown): Uint8Array {
    return this.codec.encode(value);
  }

  /** Returns a stored value. @throws OBJECT_DAMAGED */
  read(entry: KvEntry): Revisioned<unknown> {
    return this.reader.read(storedOf(entry));
  }

  /** Returns a value whether it can be read or not; undefined where others wrote it under a name that is no key. */
  readAny(entry: KvEntry): ReadValue | undefined {
    const stored = storedOf(entry);
    if (!isKey(stored.key)) return undefined;
    return this.reader.readIfWhole(stored) ?? { key: stored.key, revision: stored.revision, value: undefined };
  }

  /** Returns all values with one request. One request per value would take seconds for ten thousand values. */
  async all(): Promise<ReadValue[]> {
    return this.ask(async (bucket) => {
      const { values } = await bucket.status();
      if (values === 0) return [];
      const entries = new Map<string, ReadValue>();
      const changes = await bucket.watch();
      for await (const entry of changes) {
        const value = entry.operation === 'PUT' ? this.readAny(entry) : undefined;
        if (value === undefined) entries.delete(decodeKey(entry.key));
        else entries.set(value.key, value);
        // The server counts down the values that were there at the start.
        if (entry.delta === 0) changes.stop();
      }
      return [...entries.values()];
    });
  }

  /**
   * Retries a request while the server does not answer.
   *
   * @throws BUS_UNREACHABLE, and errors for which `isFinal` returns true
   */
  async ask<Result>(request: (bucket: KV) => Promise<Result>, isFinal?: (error: unknown) => boolean): Promise<Result> {
    return repeatOnBus(async () => {
      try {
        return await request(await this.open());
      } catch (error) {
        if (isFinal?.(error) !== true) this.forget();
        throw error;
      }
    }, isFinal);
  }

  open(): Promise<KV> {
    this.opened ??= this.connection.jetstream().views.kv(`hyperswap-${this.name}`);
    this.opened.catch(() => this.forget());
    return this.opened;
  }

  /** Resets the bucket, so that the next request opens it again. */
  forget(): void {
    this.opened = undefined;
  }
}

export async function streamState(bucket: KV): Promise<StreamState> {
  const { streamInfo } = await bucket.status();
  return { created: streamInfo.created, lastRevision: streamInfo.state.last_seq };
}

/** Returns true if a value can be read. */
export function isWhole({ value }: ReadValue): boolean {
  return value !== undefined;
}

/** Keys of JetStream may not begin or end with a dot; ours may hold any. */
export function encodeKey(key: string): string {
  return key.replaceAll('.', '=');
}

export function decodeKey(key: string): string {
  return key.replaceAll('=', '.');
}

function storedOf({ key, value, revision }: KvEntry): Revisioned<Uint8Array> {
  return { key: decodeKey(key), value, revision };
}
