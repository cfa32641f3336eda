import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { access, constants, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { failure, isId, validateChannel, validateSubject } from '@hyperswap/errors';
import { defaultLeaseMilliseconds, type Bus, type Events, type KeyValue, type WorkQueue } from '../bus.js';
import { CheckedKeyValue } from '../checked-key-value.js';
import type { DamageListener } from '../value-reader.js';
import { DirectoryKeyValue } from './directory-key-value.js';
import { EmbeddedWorkQueue } from './embedded-work-queue.js';
import { ItemFiles } from './item-files.js';
import { isHeld, removeStaleLocks, takeLock, type ProcessLock } from './process-lock.js';

export interface EmbeddedBusSettings {
  /** Folder of state and, for `kept` work, of the queues. */
  readonly directory: string;
  /**
   * `kept`: work outlives the process, and the next process with the folder continues it; one process at a time.
   * `private`: work is this process's own and ends with it; any number of processes at a time.
   */
  readonly work: 'kept' | 'private';
  /** Lease of work items. */
  readonly leaseMilliseconds?: number;
  /** Listener of values that cannot be read. */
  readonly onDamaged?: DamageListener;
}

/** Names of the bus's own files beside the folders of buckets. */
const ownNames = ['lock', 'processes', 'work'];

/** Events inside this process, queues in it or in a directory, state in a directory. */
export class EmbeddedBus implements Bus {
  readonly description: string;
  readonly owner: string | undefined;
  readonly events: Events;
  private readonly emitter = new EventEmitter().setMaxListeners(0);
  private readonly queues = new Map<string, EmbeddedWorkQueue<unknown>>();
  private readonly buckets = new Map<string, DirectoryKeyValue>();

  private constructor(
    private readonly settings: EmbeddedBusSettings,
    private readonly lock: ProcessLock,
    owner: string | undefined,
  ) {
    this.owner = owner;
    this.description = `in this process, state in ${path.resolve(settings.directory)}`;
    this.events = {
      publish: (subject, content) =>
        new Promise((resolve) => {
          this.emitter.emit(eventOf(subject), content);
          resolve();
        }),
      subscribe: (subject, onEvent) => {
        const event = eventOf(subject);
        this.emitter.on(event, onEvent);
        return () => {
          this.emitter.off(event, onEvent);
        };
      },
    };
  }

  /** @throws HOME_IN_USE when another process keeps its work in the folder */
  static async open(settings: EmbeddedBusSettings): Promise<EmbeddedBus> {
    const owner = settings.work === 'kept' ? undefined : randomUUID();
    await removeStaleLocks(path.join(settings.directory, 'processes'));
    const lock = await takeLock(owner === undefined ? keptLock(settings) : ownerLock(settings, owner));
    return new EmbeddedBus(settings, lock, owner);
  }

  async isAlive(owner: string): Promise<boolean> {
    return isId(owner) && isHeld(ownerLock(this.settings, owner));
  }

  workQueue<Content>(name: string): WorkQueue<Content> {
    validateChannel('Queue', name);
    const { directory, leaseMilliseconds = defaultLeaseMilliseconds } = this.settings;
    const files = this.owner === undefined ? new ItemFiles<unknown>(path.join(directory, 'work', name)) : undefined;
    const queue = this.queues.get(name) ?? new EmbeddedWorkQueue<unknown>(leaseMilliseconds, files);
    this.queues.set(name, queue);
    return queue as WorkQueue<Content>;
  }

  keyValue<Value>(bucket: string, read?: (stored: unknown) => Value): KeyValue<Value> {
    validateChannel('Bucket', bucket, ownNames);
    const { directory, onDamaged = () => undefined } = this.settings;
    const state = this.buckets.get(bucket) ?? new DirectoryKeyValue(path.join(directory, bucket), onDamaged);
    this.buckets.set(bucket, state);
    return read === undefined
      ? (state as KeyValue<unknown> as KeyValue<Value>)
      : new CheckedKeyValue(state, bucket, read, onDamaged);
  }

  async probe(): Promise<void> {
    const { directory } = this.settings;
    try {
      await mkdir(directory, { recursive: true });
      await access(directory, constants.R_OK | constants.W_OK);
    } catch (cause) {
      throw failure('BUS_UNREACHABLE', { reason: (cause as Error).message }, cause);
    }
  }

  async close(): Promise<void> {
    for (const queue of this.queues.values()) queue.close();
    for (const bucket of this.buckets.values()) bucket.close();
    this.emitter.removeAllListeners();
    await this.lock.release();
  }
}

function keptLock({ directory }: EmbeddedBusSettings): string {
  return path.join(directory, 'lock');
}

function ownerLock({ directory }: EmbeddedBusSettings, owner: string): string {
  return path.join(directory, 'processes', owner);
}

/** Returns the emitter's name of a subject; it gives `error` a meaning of its own. @throws NAME_INVALID */
function eventOf(subject: string): string {
  return `event ${validateSubject(subject)}`;
}
