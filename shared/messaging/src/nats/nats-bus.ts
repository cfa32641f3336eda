import { JSONCodec, type NatsConnection } from 'nats';
import { defaultLeaseMilliseconds, type Bus, type Events, type KeyValue, type WorkQueue } from '../bus.js';
import { connectToNats, type NatsSecurity } from './connection.js';
import { NatsKeyValue } from './nats-key-value.js';
import { NatsWorkQueue } from './nats-work-queue.js';

export interface NatsSettings extends NatsSecurity {
  /** `nats://[user:password@]host:port`, or `tls://` to insist on TLS; several separated by commas. */
  readonly url: string;
  /** Of work items. */
  readonly leaseMilliseconds?: number;
}

/** Queues and state in JetStream, events over plain NATS. */
export class NatsBus implements Bus {
  readonly description: string;
  /** Work is in the server: any process goes on with it. */
  readonly owner = undefined;
  readonly events: Events;
  private readonly queues = new Map<string, NatsWorkQueue<unknown>>();
  private readonly buckets = new Map<string, NatsKeyValue<unknown>>();

  private constructor(
    private readonly connection: NatsConnection,
    private readonly leaseMilliseconds: number,
  ) {
    this.description = `NATS at ${connection.getServer()}`;
    const codec = JSONCodec();
    this.events = {
      publish: (subject, content) => {
        connection.publish(`hyperswap.event.${subject}`, codec.encode(content));
        return Promise.resolve();
      },
      subscribe: (subject, onEvent) => {
        const subscription = connection.subscribe(`hyperswap.event.${subject}`, {
          callback: (error, message) => {
            if (error === null) onEvent(codec.decode(message.data));
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
    ...security
  }: NatsSettings): Promise<NatsBus> {
    return new NatsBus(await connectToNats(url, security), leaseMilliseconds);
  }

  isAlive(): Promise<boolean> {
    return Promise.resolve(false);
  }

  workQueue<Content>(name: string): WorkQueue<Content> {
    const queue = this.queues.get(name) ?? new NatsWorkQueue<unknown>(this.connection, name, this.leaseMilliseconds);
    this.queues.set(name, queue);
    return queue as WorkQueue<Content>;
  }

  keyValue<Value>(bucket: string): KeyValue<Value> {
    const state = this.buckets.get(bucket) ?? new NatsKeyValue<unknown>(this.connection, bucket);
    this.buckets.set(bucket, state);
    return state as KeyValue<unknown> as KeyValue<Value>;
  }

  async close(): Promise<void> {
    for (const bucket of this.buckets.values()) bucket.close();
    await this.connection.drain().catch(() => this.connection.close());
  }
}
