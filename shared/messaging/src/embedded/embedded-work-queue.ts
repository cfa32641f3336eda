import { validateSubject } from '@hyperswap/errors';
import type { WorkItem, WorkQueue } from '../bus.js';
import type { ItemFiles, QueuedItem } from './item-files.js';

interface Entry<Content> extends QueuedItem<Content> {
  deliveries: number;
}

type Puller<Content> = (entry: Entry<Content> | undefined) => void;

/**
 * Work queue inside one process. With files, its items outlive the process: the next process with the folder gets all
 * unacknowledged items, including those in progress, with their delivery counts.
 */
export class EmbeddedWorkQueue<Content> implements WorkQueue<Content> {
  /** Items that wait or are worked on, by id. */
  private readonly entries = new Map<string, Entry<Content>>();
  private readonly waiting: Entry<Content>[] = [];
  private readonly pullers = new Set<Puller<Content>>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly loaded: Promise<void>;
  private nextSequence = 1;

  /**
   * @param leaseMilliseconds that an item may go without a sign of life before another worker gets it
   * @param files that keep the items; without them they end with the process
   */
  constructor(
    private readonly leaseMilliseconds: number,
    private readonly files?: ItemFiles<Content>,
  ) {
    this.loaded = files === undefined ? Promise.resolve() : this.load(files);
    // Error for the next caller of the queue.
    this.loaded.catch(() => undefined);
  }

  async publish(content: Content, id: string): Promise<void> {
    validateSubject(id);
    await this.loaded;
    if (this.entries.has(id)) return;
    const entry = { id, sequence: this.nextSequence++, content, deliveries: 0 };
    this.entries.set(id, entry);
    try {
      await this.files?.write(entry);
    } catch (error) {
      this.entries.delete(id);
      throw error;
    }
    this.offer(entry);
  }

  async pull(signal: AbortSignal): Promise<WorkItem<Content> | undefined> {
    await this.loaded;
    if (signal.aborted) return undefined;
    const entry = this.waiting.shift() ?? (await this.nextOffer(signal));
    return entry && this.lease(entry);
  }

  async held(group: string): Promise<ReadonlySet<string>> {
    validateSubject(group);
    await this.loaded;
    return new Set([...this.entries.keys()].filter((id) => id.startsWith(`${group}.`)));
  }

  close(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  private async load(files: ItemFiles<Content>): Promise<void> {
    for (const item of await files.read()) {
      const entry = { ...item };
      this.entries.set(entry.id, entry);
      this.nextSequence = Math.max(this.nextSequence, entry.sequence + 1);
      this.offer(entry);
    }
  }

  private nextOffer(signal: AbortSignal): Promise<Entry<Content> | undefined> {
    return new Promise((resolve) => {
      const puller: Puller<Content> = (entry) => {
        this.pullers.delete(puller);
        signal.removeEventListener('abort', leave);
        resolve(entry);
      };
      const leave = (): void => {
        puller(undefined);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.pullers.add(puller);
    });
  }

  private offer(entry: Entry<Content>): void {
    const [puller] = this.pullers;
    if (puller === undefined) this.waiting.push(entry);
    else puller(entry);
  }

  private async lease(entry: Entry<Content>): Promise<WorkItem<Content>> {
    entry.deliveries += 1;
    let timer = this.after(this.leaseMilliseconds, entry);
    // An item is delivered even if its count cannot be written, for example because the disk is full.
    await this.files?.write(entry).catch(() => undefined);
    /** Ends the lease; returns false if the lease has expired and the item is back in the queue. */
    const end = (): boolean => {
      clearTimeout(timer);
      return this.timers.delete(timer);
    };
    return {
      content: entry.content,
      deliveries: entry.deliveries,
      acknowledge: async () => {
        if (!end()) return;
        this.entries.delete(entry.id);
        await this.files?.remove(entry);
      },
      giveBack: (delayMilliseconds = 0) => {
        if (end()) {
          if (delayMilliseconds > 0) this.after(delayMilliseconds, entry);
          else this.offer(entry);
        }
        return Promise.resolve();
      },
      working: () => {
        if (end()) timer = this.after(this.leaseMilliseconds, entry);
        return Promise.resolve();
      },
    };
  }

  /** Delivers an item again after a delay, unless the returned timer is cleared. */
  private after(milliseconds: number, entry: Entry<Content>): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      this.offer(entry);
    }, milliseconds);
    timer.unref();
    this.timers.add(timer);
    return timer;
  }
}
