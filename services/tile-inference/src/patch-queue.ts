import { failure, throwIfAborted } from '@hyperswap/errors';
import { servingInstruments } from '@hyperswap/telemetry';
import type { ProgramClient } from '@hyperswap/tensor';
import type { BoundAdapter } from './binding-table.js';
import type { TileProgram, TileSegment, TileToOpen } from './engine/program.js';

/** A tile to classify with an adapter. */
export interface TileWork extends Omit<TileToOpen, 'key' | 'digest'> {
  readonly adapter: BoundAdapter;
  /** Returns the probabilities of all classes too. */
  readonly probabilities: boolean;
}

export interface TileLabels {
  /** Class of each pixel of the window, from 1. */
  readonly labels: Uint8Array;
  /** Probability of that class, 255ths. */
  readonly confidence: Uint8Array;
  /** Probability of every class in 255ths, pixel by pixel; empty unless asked for. */
  readonly probabilities: Uint8Array;
  readonly queuedMilliseconds: number;
  readonly engineMilliseconds: number;
}

interface WaitingTile {
  readonly key: number;
  readonly digest: string;
  readonly reference: string;
  readonly pixels: number;
  readonly labels: Uint8Array;
  readonly confidence: Uint8Array;
  /** Probabilities that are wanted, `[pixels, classes]`; empty otherwise. */
  readonly probabilities: Uint8Array;
  readonly classes: number;
  readonly bytes: number;
  readonly since: number;
  readonly signal: AbortSignal;
  startedAt: number | undefined;
  /** Pixels handed to the engine, and classified. */
  sent: number;
  done: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Batches in the engine at once: one runs, one waits behind it, so that the engine never waits for this thread. */
const batchesInFlight = 2;

/**
 * Cuts batches out of the patches of all waiting tiles, whatever call they came from: the oldest tile's adapter is served first, and
 * other tiles of that adapter fill its batch.
 */
export class PatchQueue {
  private readonly tiles = new Set<WaitingTile>();
  private nextKey = 1;
  private inFlight = 0;
  private waitingPatches = 0;
  private classifiedPatches = 0;
  private readonly instruments = servingInstruments();

  constructor(
    private readonly engine: ProgramClient<TileProgram>,
    private readonly batchSize: number,
    /** Patches that may wait. */
    private readonly limit: number,
  ) {}

  get waiting(): number {
    return this.waitingPatches;
  }

  /** Bytes of the pixels of tiles that wait or run. */
  get waitingBytes(): number {
    return [...this.tiles].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get classified(): number {
    return this.classifiedPatches;
  }

  /**
   * Classifies the pixels of a tile's window. The tile's buffer moves to the engine.
   *
   * @throws QUEUE_FULL with a hint when to try again; CANCELLED, DEADLINE, also while it waits
   */
  async classify({ adapter, probabilities, ...tile }: TileWork, signal: AbortSignal): Promise<TileLabels> {
    const pixels = tile.height * tile.width;
    if (this.waitingPatches > 0 && this.waitingPatches + pixels > this.limit) {
      const retryAfterMilliseconds = 1000;
      throw failure('QUEUE_FULL', { waiting: this.waitingPatches, limit: this.limit, retryAfterMilliseconds });
    }
    throwIfAborted(signal, 'Classifying a tile');
    this.waitingPatches += pixels;
    const key = this.nextKey++;
    const bytes = tile.pixels.byteLength;
    const classes = adapter.metadata.classes.length;
    const since = performance.now();
    let waiting: WaitingTile | undefined;
    try {
      await this.engine.call('openTile', { key, digest: adapter.digest, ...tile }, { transfer: [tile.pixels] });
      const result = await new Promise<WaitingTile>((resolve, reject) => {
        waiting = {
          key,
          digest: adapter.digest,
          reference: adapter.reference,
          pixels,
          labels: new Uint8Array(pixels),
          confidence: new Uint8Array(pixels),
          probabilities: new Uint8Array(probabilities ? pixels * classes : 0),
          classes,
          bytes,
          since,
          signal,
          startedAt: undefined,
          sent: 0,
          done: 0,
          resolve: () => {
            resolve(waiting!);
          },
          reject,
        };
        this.tiles.add(waiting);
        this.dispatch();
      });
      const startedAt = result.startedAt ?? since;
      this.instruments.patches.add(pixels, { adapter: adapter.reference });
      this.instruments.queued.record(startedAt - since);
      return {
        labels: result.labels,
        confidence: result.confidence,
        probabilities: result.probabilities,
        queuedMilliseconds: startedAt - since,
        engineMilliseconds: performance.now() - startedAt,
      };
    } finally {
      if (waiting !== undefined) this.tiles.delete(waiting);
      this.waitingPatches -= pixels - (waiting?.done ?? 0);
      // Its last batch would have closed it. Behind the batches that still use it: the engine answers in order.
      if (waiting?.done !== pixels) void this.engine.call('closeTile', { key }).catch(() => undefined);
    }
  }

  private dispatch(): void {
    while (this.inFlight < batchesInFlight) {
      const batch = this.cutBatch();
      if (batch.length === 0) return;
      void this.run(batch);
    }
  }

  /** The next batch: parts of tiles, in the order they came, all of the first one's adapter. */
  private cutBatch(): { tile: WaitingTile; segment: TileSegment }[] {
    const batch: { tile: WaitingTile; segment: TileSegment }[] = [];
    let digest: string | undefined;
    let size = 0;
    for (const tile of this.tiles) {
      if (tile.signal.aborted) {
        this.tiles.delete(tile);
        try {
          throwIfAborted(tile.signal, 'Classifying a tile');
        } catch (error) {
          tile.reject(error);
        }
        continue;
      }
      if (tile.sent === tile.pixels || (digest !== undefined && tile.digest !== digest)) continue;
      digest = tile.digest;
      const count = Math.min(this.batchSize - size, tile.pixels - tile.sent);
      batch.push({ tile, segment: { key: tile.key, first: tile.sent, count } });
      tile.sent += count;
      size += count;
      if (size === this.batchSize) break;
    }
    if (size > 0) this.instruments.batches.add(1, { cut: size === this.batchSize ? 'full' : 'drained' });
    return batch;
  }

  private async run(batch: readonly { tile: WaitingTile; segment: TileSegment }[]): Promise<void> {
    this.inFlight += 1;
    const now = performance.now();
    for (const { tile } of batch) tile.startedAt ??= now;
    try {
      const segments = batch.map(({ segment }) => segment);
      const { digest } = batch[0]!.tile;
      const wanted = batch.some(({ tile }) => tile.probabilities.length > 0);
      const work = { digest, segments, probabilities: wanted };
      const { labels, confidence, probabilities } = await this.engine.call('classify', work);
      let offset = 0;
      for (const { tile, segment } of batch) {
        const { first, count } = segment;
        tile.labels.set(labels.subarray(offset, offset + count), first);
        tile.confidence.set(confidence.subarray(offset, offset + count), first);
        if (tile.probabilities.length > 0) {
          const { classes } = tile;
          const own = probabilities.subarray(offset * classes, (offset + count) * classes);
          tile.probabilities.set(own, first * classes);
        }
        offset += count;
        this.classifiedPatches += count;
        // One that was given up meanwhile is no longer counted.
        if (!this.tiles.has(tile)) continue;
        tile.done += count;
        this.waitingPatches -= count;
        if (tile.done === tile.pixels) tile.resolve();
      }
    } catch (error) {
      for (const { tile } of batch) {
        this.tiles.delete(tile);
        tile.reject(error);
      }
    } finally {
      this.inFlight -= 1;
      this.dispatch();
    }
  }
}
