import { EventEmitter } from 'node:events';
import path from 'node:path';
import { defaultLeaseMilliseconds, type Bus, type Events, type KeyValue, type WorkQueue } from '../bus.js';
import { DirectoryKeyValue } from './directory-key-value.js';
import { MemoryWorkQueue } from './memory-work-queue.js';

/** Queues and events inside this process, state in a directory, so that it outlives the process. */
export class EmbeddedBus implements Bus {
  readonly description: string;
  readonly outlivesProcess = false;
  readonly events: Events;
  private readonly emitter = new EventEmitter().setMaxListeners(0);
  private readonly queues = new Map<string, MemoryWorkQueue<unknown>>();
  private readonly buckets = new Map<string, DirectoryKeyValue<unknown>>();

  /** @param leaseMilliseconds of work items */
  constructor(
    private readonly directory: string,
    private readonly leaseMilliseconds = defaultLeaseMilliseconds,
  ) {
    this.description = `in this process, state in ${path.resolve(directory)}`;
    this.events = {
      publish: (subject, content) => {
        this.emitter.emit(subject, content);
        return Promise.resolve();
      },
      subscribe: (subject, onEvent) => {
        this.emitter.on(subject, onEvent);
        return () => {
          this.emitter.off(subject, onEvent);
        };
      },
    };
  }

  workQueue<Content>(name: string): WorkQueue<Content> {
    const queue = this.queues.get(name) ?? new MemoryWorkQueue<unknown>(this.leaseMilliseconds);
    this.queues.set(name, queue);
    return queue as WorkQueue<Content>;
  }

  keyValue<Value>(bucket: string): KeyValue<Value> {
    const state = this.buckets.get(bucket) ?? new DirectoryKeyValue<unknown>(path.join(this.directory, bucket));
    this.buckets.set(bucket, state);
    return state as KeyValue<unknown> as KeyValue<Value>;
  }

  close(): Promise<void> {
    for (const queue of this.queues.values()) queue.close();
    for (const bucket of this.buckets.values()) bucket.close();
    this.emitter.removeAllListeners();
    return Promise.resolve();
  }
}
