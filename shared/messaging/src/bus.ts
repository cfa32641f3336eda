/**
 * Messages between the services: work queues, events and small shared state. NATS JetStream in a fleet, in-process on a
 * laptop. One contract test holds for every implementation.
 */

/** Time that a work item may go without a sign of life before another worker gets it. */
export const defaultLeaseMilliseconds = 30_000;

/** One item of work, held by one worker until it is acknowledged. */
export interface WorkItem<Content> {
  readonly content: Content;
  /** Number of times it was handed out, this time included. */
  readonly deliveries: number;
  /** Takes the item away: it does not come again. */
  acknowledge(): Promise<void>;
  /**
   * Gives the item back: another worker, or this one, gets it again.
   *
   * @param delayMilliseconds that it waits before; a process that ends meanwhile may shorten it @default 0
   */
  giveBack(delayMilliseconds?: number): Promise<void>;
  /** Extends the time until the item counts as lost. */
  working(): Promise<void>;
}

/** A queue whose items each go to one worker, and come back when that worker is lost. */
export interface WorkQueue<Content> {
  /**
   * Adds an item.
   *
   * @param id words of letters, digits and hyphens, joined by dots; an item with the id of one that is there, or was a moment ago, is not added
   * @throws NAME_INVALID when `validateSubject` of `@hyperswap/errors` does not allow the id
   */
  publish(content: Content, id: string): Promise<void>;
  /** Waits for the next item; undefined when `signal` is aborted first. */
  pull(signal: AbortSignal): Promise<WorkItem<Content> | undefined>;
  /** Ids of the items that wait or are worked on, and that begin with `group` and a dot. */
  held(group: string): Promise<ReadonlySet<string>>;
}

/** A value with the revision that a change must name. */
export interface Revisioned<Value> {
  readonly key: string;
  readonly value: Value;
  readonly revision: number;
}

/** Some values of a bucket, by key. */
export interface ValuePage<Value> {
  readonly entries: readonly Revisioned<Value>[];
  /** Keys among them whose values cannot be read. */
  readonly damaged: readonly string[];
  /** Key that the next page begins with; undefined when there is none. */
  readonly next: string | undefined;
}

/**
 * Small shared state, changed by compare-and-swap. `validateKey` of `@hyperswap/errors` says which keys there are; every method throws
 * NAME_INVALID for others, so that no key leaves its bucket.
 */
export interface KeyValue<Value> {
  /** @throws OBJECT_DAMAGED when the value cannot be read */
  get(key: string): Promise<Revisioned<Value> | undefined>;
  /** All values by key. Those that cannot be read are left out, and told to the listener that the bus was made with. */
  list(): Promise<Revisioned<Value>[]>;
  /**
   * Some values by key. Where somebody watches, it costs the same however many there are.
   *
   * @param from the first value is that of this key, or of the next after it; empty: the very first
   * @param most number of keys, at least 1
   */
  page(from: string, most: number): Promise<ValuePage<Value>>;
  /**
   * Writes if nothing has changed since.
   *
   * @param revision last seen; 0 when the key must not exist
   * @returns the new revision
   * @throws REVISION_STALE when another was faster; STORE_FULL
   */
  update(key: string, value: Value, revision: number): Promise<number>;
  /** Forgets a key, which is as if it had never been. Watchers are not told. */
  delete(key: string): Promise<void>;
  /** Calls back for every change from now on, of this process or another; returns the way to stop. */
  watch(onChange: (entry: Revisioned<Value>) => void): () => void;
}

/**
 * Subjects with any number of listeners; an event reaches those that listen when it is published. A subject is one, never a pattern. Both methods
 * throw NAME_INVALID for what `validateSubject` of `@hyperswap/errors` does not allow.
 */
export interface Events {
  publish(subject: string, content: unknown): Promise<void>;
  subscribe(subject: string, onEvent: (content: unknown) => void): () => void;
}

export interface Bus {
  /** In words, for `doctor`. */
  readonly description: string;
  /** Name of this process where its work ends with it; undefined where another process goes on with it. */
  readonly owner: string | undefined;
  /** Returns true if the process of that name still runs. */
  isAlive(owner: string): Promise<boolean>;
  readonly events: Events;
  /** @throws NAME_INVALID */
  workQueue<Content>(name: string): WorkQueue<Content>;
  /**
   * State of a bucket.
   *
   * @param read makes a value of the JSON that is stored, and throws for what is none; values are checked by it when they are read and before
   *   they are written. Without it, all JSON is a value.
   * @throws NAME_INVALID
   */
  keyValue<Value>(bucket: string, read?: (stored: unknown) => Value): KeyValue<Value>;
  /**
   * Asks once whether the bus answers, without repeating.
   *
   * @param milliseconds that the answer may take
   * @throws BUS_UNREACHABLE
   */
  probe(milliseconds: number): Promise<void>;
  close(): Promise<void>;
}
