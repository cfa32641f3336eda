/**
 * Messages between the services: work queues, events and small shared state. NATS JetStream in a fleet, in-process on a
 * laptop. One contract test holds for every implementation.
 */

/** Lease of a work item in milliseconds: without a renewal in this time, another worker gets the item. */
export const defaultLeaseMilliseconds = 30_000;

/** One item of work, held by one worker until it is acknowledged. */
export interface WorkItem<Content> {
  readonly content: Content;
  /** Number of times it was handed out, this time included. */
  readonly deliveries: number;
  /** Acknowledges the item: it is not delivered again. */
  acknowledge(): Promise<void>;
  /**
   * Returns the item to the queue: another worker, or this one, gets it again.
   *
   * @param delayMilliseconds delay before the next delivery; it may be shorter if the process ends in the meantime
   * @default 0
   */
  giveBack(delayMilliseconds?: number): Promise<void>;
  /** Renews the lease of the item. */
  working(): Promise<void>;
}

/** Work queue: each item goes to one worker, and is delivered again if that worker is lost. */
export interface WorkQueue<Content> {
  /**
   * Adds an item.
   *
   * @param id words of letters, digits and hyphens, joined by dots; an item is not added if its id is in the queue, or
   * was a moment ago
   * @throws NAME_INVALID when `validateSubject` of `@hyperswap/errors` does not allow the id
   */
  publish(content: Content, id: string): Promise<void>;
  /** Waits for the next item; undefined when `signal` is aborted first. */
  pull(signal: AbortSignal): Promise<WorkItem<Content> | undefined>;
  /** Returns the ids of waiting and running items that begin with `group` and a dot. */
  held(group: string): Promise<ReadonlySet<string>>;
}

/** Value with its revision, which a change must name. */
export interface Revisioned<Value> {
  readonly key: string;
  readonly value: Value;
  readonly revision: number;
}

/** Some values of a bucket, by key. */
export interface ValuePage<Value> {
  readonly entries: readonly Revisioned<Value>[];
  /** Keys of the page whose values cannot be read. */
  readonly damaged: readonly string[];
  /** Key that the next page begins with; undefined when there is none. */
  readonly next: string | undefined;
}

/**
 * Key-value bucket of small shared state, changed by compare-and-swap. `validateKey` of `@hyperswap/errors` says which
 * keys there are; every method throws NAME_INVALID for others, so that no key leaves its bucket.
 */
export interface KeyValue<Value> {
  /** @throws OBJECT_DAMAGED when the value cannot be read */
  get(key: string): Promise<Revisioned<Value> | undefined>;
  /** Returns all values by key. Unreadable values are left out, and reported to the listener of the bus. */
  list(): Promise<Revisioned<Value>[]>;
  /**
   * Returns a page of values by key. While the bucket is watched, the cost does not depend on the number of values.
   *
   * @param from the first value is that of this key, or of the next after it; empty: the very first
   * @param most number of keys, at least 1
   */
  page(from: string, most: number): Promise<ValuePage<Value>>;
  /**
   * Writes a value if it has not changed since a revision.
   *
   * @param revision last seen; 0 when the key must not exist
   * @returns the new revision
   * @throws REVISION_STALE if another writer was faster; STORE_FULL
   */
  update(key: string, value: Value, revision: number): Promise<number>;
  /** Deletes a key with its history. Watchers are not notified. */
  delete(key: string): Promise<void>;
  /** Calls back for every change from now on, by any process; returns a function that stops the watch. */
  watch(onChange: (entry: Revisioned<Value>) => void): () => void;
}

/**
 * Publish-subscribe events. An event reaches the current listeners of its subject. A subject is never a pattern. Both
 * methods throw NAME_INVALID for what `validateSubject` of `@hyperswap/errors` does not allow.
 */
export interface Events {
  publish(subject: string, content: unknown): Promise<void>;
  subscribe(subject: string, onEvent: (content: unknown) => void): () => void;
}

export interface Bus {
  /** In words, for `doctor`. */
  readonly description: string;
  /** Name of this process if its work ends with it; undefined if another process continues the work. */
  readonly owner: string | undefined;
  /** Returns true if the process of that name still runs. */
  isAlive(owner: string): Promise<boolean>;
  readonly events: Events;
  /** @throws NAME_INVALID */
  workQueue<Content>(name: string): WorkQueue<Content>;
  /**
   * State of a bucket.
   *
   * @param read makes a value of the JSON that is stored, and throws for what is none; values are checked by it when
   * they are read and before they are written. Without it, all JSON is a value.
   * @throws NAME_INVALID
   */
  keyValue<Value>(bucket: string, read?: (stored: unknown) => Value): KeyValue<Value>;
  /**
   * Probes the bus once, without retries.
   *
   * @param milliseconds timeout of the answer
   * @throws BUS_UNREACHABLE
   */
  probe(milliseconds: number): Promise<void>;
  close(): Promise<void>;
}
