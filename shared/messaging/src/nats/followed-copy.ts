import { setTimeout as pause } from 'node:timers/promises';
import { Events, type KV, type KvEntry, type NatsConnection, type QueuedIterator } from 'nats';
import type { Revisioned } from '../bus.js';
import { OrderedEntries } from '../ordered-entries.js';
import { decodeKey, isWhole, streamState, type NatsBucket, type ReadValue, type StreamState } from './bucket.js';

/** Interval of the check for missed changes, with jitter, in milliseconds. */
const checkMilliseconds = 30_000;
/** Time without a value after which a copy that is behind reads on after its last revision, in milliseconds. */
const catchUpMilliseconds = 1_000;
/**
 * Time without a value after which the caller reads all values itself, in milliseconds. After a restart, a server with
 * hundreds of copies sends nothing for seconds, and reading all values would keep it busy for longer.
 */
const giveUpMilliseconds = 10_000;

/**
 * Local copy of a bucket that follows its changes. It reads all values once, in the order of their revisions. After a
 * lost connection it continues after the last revision that it has seen. A restart of the server therefore costs only
 * the changes since then, no matter how many values and copies there are. Only a server that lost its data makes the
 * copy start again.
 */
export class FollowedCopy {
  private readonly entries = new OrderedEntries<ReadValue>();
  /** Last position of the stream in the copy; undefined before the first value. */
  private seen: StreamState | undefined;
  /** True if the copy has all values. */
  private isWhole = false;
  /** Keys of the previous copy that the server may no longer have. */
  private readonly former = new Set<string>();
  /** Number of received values, to detect whether more are arriving. */
  private arrived = 0;
  private readonly waiting = new Set<() => void>();
  private endRound: () => void = () => undefined;
  private readonly stopped = new AbortController();

  /** @param onNews is called for every change from now on, including changes while the server was unavailable */
  constructor(
    private readonly bucket: NatsBucket,
    connection: NatsConnection,
    private readonly onNews: (entry: Revisioned<unknown>) => void,
  ) {
    void this.listen(connection);
    void this.follow();
  }

  stop(): void {
    this.stopped.abort();
    this.entries.clear();
    this.isWhole = false;
  }

  /** Returns the copy if it has all values of the server, now or within the timeout; undefined otherwise. */
  async newest(): Promise<OrderedEntries<ReadValue> | undefined> {
    // Waits for a copy that is loading, because a second read of all values would take longer.
    await this.waitUntil(() => this.isWhole, giveUpMilliseconds);
    if (!this.isWhole) return undefined;
    const wanted = await this.bucket.ask(streamState);
    await this.waitUntil(() => this.covers(wanted), catchUpMilliseconds);
    if (!this.covers(wanted)) {
      // The next round continues after the last revision that the copy has seen.
      this.endRound();
      await this.waitUntil(() => this.covers(wanted), giveUpMilliseconds);
    }
    return this.covers(wanted) ? this.entries : undefined;
  }

  private get isStopped(): boolean {
    return this.stopped.signal.aborted;
  }

  /** Returns true if the copy has seen a state of the stream. */
  private covers({ created, lastRevision }: StreamState): boolean {
    return this.isWhole && this.seen?.created === created && this.seen.lastRevision >= lastRevision;
  }

  /** Waits until a condition holds, or no value has arrived for the timeout. */
  private async waitUntil(holds: () => boolean, timeoutMilliseconds: number): Promise<void> {
    while (!holds() && !this.isStopped) {
      const { arrived } = this;
      await new Promise<void>((resolve) => {
        const look = (): void => {
          clearTimeout(timer);
          this.waiting.delete(look);
          resolve();
        };
        const timer = setTimeout(look, timeoutMilliseconds);
        this.waiting.add(look);
      });
      if (arrived === this.arrived) return;
    }
  }

  /** Follows changes in rounds; a round ends with the connection. */
  private async follow(): Promise<void> {
    // Values of the first read are not changes: they existed before the watch.
    let isFirst = true;
    while (!this.isStopped && !this.bucket.isClosed) {
      try {
        const bucket = await this.bucket.open();
        const state = await streamState(bucket);
        const seen = this.begin(state);
        if (seen.lastRevision >= state.lastRevision) this.complete();
        isFirst &&= !this.isWhole;
        const changes = await bucket.watch(seen.lastRevision > 0 ? { resumeFromRevision: seen.lastRevision + 1 } : {});
        await this.round(bucket, changes, (entry) => {
          this.take(entry, !isFirst);
          // JetStream sends with each value the number of existing values that follow.
          const revision =
            this.isWhole || entry.delta !== 0 ? entry.revision : Math.max(entry.revision, state.lastRevision);
          this.seen = { created: state.created, lastRevision: revision };
          if (!this.isWhole && revision < state.lastRevision) return;
          this.complete();
          isFirst = false;
        });
      } catch {
        this.bucket.forget();
        await pause(200 + 300 * Math.random());
      }
    }
  }

  /** Returns the position to continue from: the last one in the copy, or the first one if the server has lost it. */
  private begin({ created, lastRevision }: StreamState): StreamState {
    if (this.seen?.created === created && this.seen.lastRevision <= lastRevision) return this.seen;
    this.isWhole = false;
    for (const { key } of this.entries.from('', Infinity)) this.former.add(key);
    return (this.seen = { created, lastRevision: 0 });
  }

  /** Notes that the copy has all values, or one more. */
  private complete(): void {
    this.isWhole = true;
    for (const key of this.former) this.entries.delete(key);
    this.former.clear();
    for (const look of [...this.waiting]) look();
  }

  /** Forwards changes until the connection is lost, or a change was missed. */
  private async round(bucket: KV, changes: QueuedIterator<KvEntry>, onEntry: (entry: KvEntry) => void): Promise<void> {
    const end = (): void => changes.stop();
    this.endRound = end;
    this.stopped.signal.addEventListener('abort', end, { once: true });
    const over = new AbortController();
    void this.endWhenMissing(bucket, over.signal);
    try {
      for await (const entry of changes) {
        if (this.isStopped) return;
        this.arrived += 1;
        onEntry(entry);
      }
    } finally {
      over.abort();
      this.stopped.signal.removeEventListener('abort', end);
    }
  }

  /**
   * Ends the round if the server has a change that did not arrive. The next round continues after the last revision
   * that did arrive. It starts again if the server has lost a change that the copy has.
   */
  private async endWhenMissing(bucket: KV, over: AbortSignal): Promise<void> {
    const hasEnded = (): boolean => over.aborted || this.isStopped;
    for (;;) {
      const { arrived } = this;
      const milliseconds = checkMilliseconds * (0.75 + 0.5 * Math.random());
      await pause(milliseconds, undefined, { signal: over, ref: false }).catch(() => undefined);
      if (hasEnded()) return;
      // A first read takes long if many copies start at the same time.
      if (!this.isWhole && arrived !== this.arrived) continue;
      const before = this.seen;
      // The connection itself notices a server that does not answer.
      const state = await streamState(bucket).catch(() => undefined);
      if (state === undefined) continue;
      await this.waitUntil(() => this.covers(state), catchUpMilliseconds);
      if (hasEnded()) return;
      const hasLost = before?.created === state.created && before.lastRevision > state.lastRevision;
      if (this.covers(state) && !hasLost) continue;
      if (hasLost) this.seen = undefined;
      this.endRound();
    }
  }

  /** Takes a change into the copy. */
  private take(entry: KvEntry, isNews: boolean): void {
    const value = entry.operation === 'PUT' ? this.bucket.readAny(entry) : undefined;
    const key = decodeKey(entry.key);
    this.former.delete(key);
    const known = this.entries.get(key);
    if (value === undefined) this.entries.delete(key);
    else this.entries.set(value);
    if (isNews && value !== undefined && isWhole(value) && known?.revision !== value.revision) this.onNews(value);
  }

  private async listen(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (this.isStopped) return;
      if (type === Events.Reconnect) this.endRound();
    }
  }
}
