import type { DeadLetter, WorkItem, WorkQueue } from '../bus.js';

interface Entry<Content> {
  readonly content: Content;
  deliveries: number;
}

type Puller<Content> = (entry: Entry<Content> | undefined) => void;

/** A work queue inside one process. */
export class MemoryWorkQueue<Content> implements WorkQueue<Content> {
  private readonly waiting: Entry<Content>[] = [];
  private readonly pullers = new Set<Puller<Content>>();
  private readonly leases = new Set<NodeJS.Timeout>();
  private readonly seen = new Set<string>();
  private readonly dead: DeadLetter<Content>[] = [];

  /** @param leaseMilliseconds that an item may go without a sign of life before another worker gets it */
  constructor(private readonly leaseMilliseconds: number) {}

  publish(content: Content, id: string): Promise<void> {
    if (!this.seen.has(id)) {
      this.seen.add(id);
      this.offer({ content, deliveries: 0 });
    }
    return Promise.resolve();
  }

  async pull(signal: AbortSignal): Promise<WorkItem<Content> | undefined> {
    if (signal.aborted) return undefined;
    const entry = this.waiting.shift() ?? (await this.nextOffer(signal));
    return entry && this.lease(entry);
  }

  deadLetters(): Promise<DeadLetter<Content>[]> {
    return Promise.resolve([...this.dead]);
  }

  close(): void {
    for (const timer of this.leases) clearTimeout(timer);
    this.leases.clear();
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

  private lease(entry: Entry<Content>): WorkItem<Content> {
    entry.deliveries += 1;
    let timer = this.startLease(entry);
    /** Ends the lease; false when it has run out before and the item is back already. */
    const end = (): boolean => {
      clearTimeout(timer);
      return this.leases.delete(timer);
    };
    return {
      content: entry.content,
      deliveries: entry.deliveries,
      acknowledge: () => {
        end();
        return Promise.resolve();
      },
      giveBack: () => {
        if (end()) this.offer(entry);
        return Promise.resolve();
      },
      reject: (reason) => {
        if (end()) this.dead.push({ content: entry.content, reason });
        return Promise.resolve();
      },
      working: () => {
        if (end()) timer = this.startLease(entry);
        return Promise.resolve();
      },
    };
  }

  private startLease(entry: Entry<Content>): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.leases.delete(timer);
      this.offer(entry);
    }, this.leaseMilliseconds);
    timer.unref();
    this.leases.add(timer);
    return timer;
  }
}
