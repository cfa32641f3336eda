import { setTimeout } from 'node:timers/promises';
import {
  AckPolicy,
  DiscardPolicy,
  JSONCodec,
  nanos,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type JsMsg,
  type NatsConnection,
} from 'nats';
import { validateSubject } from '@hyperswap/errors';
import type { WorkItem, WorkQueue } from '../bus.js';
import { repeatOnBus } from './connection.js';

/** Deduplication window of item ids. */
const duplicateWindow = nanos(10 * 60_000);
/** Timeout of a pull request at the server. The request is then sent again, in case it was lost. */
const pullMilliseconds = 2_000;
const consumerName = 'workers';

/**
 * A work queue as a JetStream stream of its own: items stay until they are acknowledged, and are delivered again when
 * their lease expires.
 */
export class NatsWorkQueue<Content> implements WorkQueue<Content> {
  private readonly codec = JSONCodec<Content>();
  private readonly stream: string;
  private readonly subject: string;
  private made: Promise<void> | undefined;

  constructor(
    private readonly connection: NatsConnection,
    name: string,
    private readonly leaseMilliseconds: number,
  ) {
    this.stream = `hyperswap-work-${name}`;
    this.subject = `hyperswap.work.${name}`;
  }

  async publish(content: Content, id: string): Promise<void> {
    validateSubject(id);
    await this.withStreams(() =>
      this.connection.jetstream().publish(this.itemSubject(id), this.codec.encode(content), { msgID: id }),
    );
  }

  async held(group: string): Promise<ReadonlySet<string>> {
    validateSubject(group);
    const subjects = new Set<string>();
    await this.withStreams(async () => {
      const { streams } = await this.connection.jetstreamManager();
      const { state } = await streams.info(this.stream, { subjects_filter: this.itemSubject(`${group}.>`) });
      subjects.clear();
      for (const subject of Object.keys(state.subjects ?? {})) subjects.add(subject);
    });
    const prefix = this.itemSubject('');
    return new Set([...subjects].map((subject) => subject.slice(prefix.length)));
  }

  async pull(signal: AbortSignal): Promise<WorkItem<Content> | undefined> {
    const isWanted = (): boolean => !signal.aborted && !this.connection.isClosed();
    while (isWanted()) {
      const message = await this.next(signal);
      if (message === undefined) continue;
      if (!isWanted()) {
        message.nak();
        return undefined;
      }
      const content = this.contentOf(message);
      if (content !== undefined) return this.item(message, content);
    }
    return undefined;
  }

  private itemSubject(id: string): string {
    return `${this.subject}.item.${id}`;
  }

  /** Waits for the next message; undefined after the timeout, or while the server is unavailable. */
  private async next(signal: AbortSignal): Promise<JsMsg | undefined> {
    try {
      await this.ensureStreams();
      const consumer = await this.connection.jetstream().consumers.get(this.stream, consumerName);
      const messages = await consumer.fetch({ max_messages: 1, expires: pullMilliseconds });
      const stop = (): void => messages.stop();
      signal.addEventListener('abort', stop, { once: true });
      try {
        for await (const message of messages) return message;
        return undefined;
      } finally {
        signal.removeEventListener('abort', stop);
      }
    } catch {
      // The server is unavailable, or lost its streams: they are created again when it is back.
      this.made = undefined;
      if (this.connection.isClosed()) return undefined;
      await setTimeout(200 + 300 * Math.random(), undefined, { signal }).catch(() => undefined);
      return undefined;
    }
  }

  /** Returns the content of a message; undefined, after it was taken away, when it is no JSON. */
  private contentOf(message: JsMsg): Content | undefined {
    try {
      return this.codec.decode(message.data);
    } catch {
      message.term('it is no JSON');
      return undefined;
    }
  }

  private item(message: JsMsg, content: Content): WorkItem<Content> {
    return {
      content,
      deliveries: message.info.deliveryCount,
      // Confirmed acknowledgement: the server would deliver the item again if the acknowledgement was lost.
      acknowledge: async () => {
        await repeatOnBus(() => message.ackAck()).catch(() => undefined);
      },
      giveBack: (delayMilliseconds = 0) => {
        message.nak(delayMilliseconds);
        return Promise.resolve();
      },
      working: () => {
        message.working();
        return Promise.resolve();
      },
    };
  }

  private async withStreams(request: () => Promise<unknown>): Promise<void> {
    await repeatOnBus(async () => {
      await this.ensureStreams();
      try {
        await request();
      } catch (error) {
        this.made = undefined;
        throw error;
      }
    });
  }

  private ensureStreams(): Promise<void> {
    this.made ??= this.connection.jetstreamManager().then((manager) => this.make(manager));
    this.made.catch(() => (this.made = undefined));
    return this.made;
  }

  private async make({ streams, consumers }: JetStreamManager): Promise<void> {
    await streams.info(this.stream).catch(async () =>
      streams.add({
        name: this.stream,
        subjects: [this.itemSubject('>')],
        retention: RetentionPolicy.Workqueue,
        storage: StorageType.File,
        discard: DiscardPolicy.New,
        duplicate_window: duplicateWindow,
      }),
    );
    await consumers.info(this.stream, consumerName).catch(async () =>
      consumers.add(this.stream, {
        durable_name: consumerName,
        ack_policy: AckPolicy.Explicit,
        ack_wait: nanos(this.leaseMilliseconds),
        max_deliver: -1,
      }),
    );
  }
}
