import { failure } from '@hyperswap/errors';
import { JSONCodec, type NatsConnection } from 'nats';
import { validateChannel, validateSubject } from '@hyperswap/errors';
import { defaultLeaseMilliseconds, type Bus, type Events, type KeyValue, type WorkQueue } from '../bus.js';
import { CheckedKeyValue } from '../checked-key-value.js';
import type { DamageListener } from '../value-reader.js';
import { connectToNats, type NatsSecurity } from './connection.js';
import { NatsKeyValue } from './nats-key-value.js';
import { NatsWorkQueue } from './nats-work-queue.js';

export interface NatsSettings extends NatsSecurity {
  /** `nats://[user:password@]host:port`, or `tls://` to insist on TLS; several separated by commas. */
  readonly url: string;
  /** Names of work items. */
  readonly leaseMilliseconds?: number;
  /** Listener for values that cannot be read. */
  readonly onDamaged?: DamageListener;
}

/** Queues and state in JetStream, events over plain NATS. */
export class NatsBus implements Bus {
  readonly description: string;
  /** Work is in the server: any process continues it. */
  readonly owner = undefined;
  readonly events: Events;
  private readonly queues = new Map<string, NatsWorkQueue<unknown>>();
  private readonly buckets = new Map<string, NatsKeyValue>();

  private constructor(
    private readonly connection: NatsConnection,
    private readonly leaseMilliseconds: number,
    private readonly onDamaged: DamageListener,
  ) {
    this.description = `NATS at ${connection.getServer()}`;
    const codec = JSONCodec();
    this.events = {
      publish: (subject, content) =>
        new Promise((resolve) => {
          connection.publish(`hyperswap.event.${validateSubject(subject)}`, codec.encode(content));
          resolve();
        }),
      subscribe: (subject, onEvent) => {
        const subscription = connection.subscribe(`hyperswap.event.${validateSubject(subject)}`, {
          callback: (error, message) => {
            if (error !== null) return;
            let content: unknown;
            try {
              content = codec.decode(message.data);
            } catch {
              // Message of another program.
              return;
            }
            onEvent(content);
          },
        });
        return () => subscription.unsubscribe();
      },
    };
  }

  /** @throws BUS_UNREACHABLE */
  static async open({
    url,
    leaseMilliseconds = defaultLeaseMilliseconds,
    onDamaged = () => undefined,
    ...security
  }: NatsSettings): Promise<NatsBus> {
    return new NatsBus(await connectToNats(url, security), leaseMilliseconds, onDamaged);
  }

  isAlive(): Promise<boolean> {
    return Promise.resolve(false);
  }

  workQueue<Content>(name: string): WorkQueue<Content> {
    validateChannel('Queue', name);
    const queue = this.queues.get(name) ?? new NatsWorkQueue<unknown>(this.connection, name, this.leaseMilliseconds);
    this.queues.set(name, queue);
    return queue as WorkQueue<Content>;
  }

  keyValue<Value>(bucket: string, read?: (stored: unknown) => Value): KeyValue<Value> {
    validateChannel('Bucket', bucket);
    const state = this.buckets.get(bucket) ?? new NatsKeyValue(this.connection, bucket, this.onDamaged);
    this.buckets.set(bucket, state);
    return read === undefined
      ? (state as KeyValue<unknown> as KeyValue<Value>)
      : new CheckedKeyValue(state, bucket, read, this.onDamaged);
  }

  async probe(milliseconds: number): Promise<void> {
    try {
      // JetStream answers with what the account may use, or with an error.
      const answer = await this.connection.request('$JS.API.INFO', undefined, { timeout: milliseconds });
      const { error } = answer.json<{ readonly error?: { readonly description?: string } }>();
      if (error !== undefined) throw new Error(error.description ?? 'JetStream answers with an error');
    } catch (cause) {
      throw failure('BUS_UNREACHABLE', { reason: (cause as Error).message }, cause);
    }
  }

  async close(): Promise<void> {
    for (const bucket of this.buckets.values()) bucket.close();
    await this.connection.drain().catch(() => this.connection.close());
  }
}
