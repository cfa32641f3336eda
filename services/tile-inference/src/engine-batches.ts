import type { ProgramClient } from '@hyperswap/tensor';
import type { TileToOpen } from './engine/open-tiles.js';
import type { TileProgram } from './engine/program.js';
import { patchValuesOf, type PatchWork } from './patch-work.js';
import type { ServingStatistics } from './serving-statistics.js';
import type { BatchOptions } from './scheduler/patch-scheduler.js';
import type { Part } from './scheduler/work.js';
import type { TileWork } from './tile-work.js';

/** Work that the engine takes in batches. */
export type EngineWork = TileWork | PatchWork;

/** Runs batches of the scheduler in the engine. */
export class EngineBatches {
  constructor(
    private readonly engine: ProgramClient<TileProgram>,
    private readonly statistics: ServingStatistics,
  ) {}

  /**
   * Runs a batch, and writes its rows into the work of its parts.
   *
   * @param parts of one group: tiles of adapters for which the backbone does the same, or patches of one target
   * @param options `signal` stops the batch between two blocks. An urgent batch of tiles runs between two blocks of
   * another; of patches in its turn, since they may have to wait for their backbone
   */
  async run(parts: readonly Part<EngineWork>[], options: BatchOptions): Promise<void> {
    // Bindings of tiles and of patches have other keys, so that a batch has one kind.
    if (isOfPatches(parts)) await this.predict(parts, options.signal);
    else await this.classify(parts as readonly Part<TileWork>[], options);
  }

  private async classify(parts: readonly Part<TileWork>[], { signal, urgent }: BatchOptions): Promise<void> {
    const open: TileToOpen[] = [];
    for (const { work } of parts) {
      if (work.content === undefined) continue;
      open.push({ key: work.key, digest: work.digest, ...work.content });
      work.content = undefined;
    }
    const segments = parts.map(({ work, first, count }) => ({ key: work.key, digest: work.digest, first, count }));
    const probabilities = parts.some(({ work }) => work.probabilities.length > 0);
    const logits = parts.some(({ work }) => work.logits.length > 0);
    const transfer = open.map(({ pixels }) => pixels);
    const start = performance.now();
    const rows = await this.engine.call(
      'classify',
      { open, segments, probabilities, logits },
      { transfer, signal, urgent },
    );
    this.countBatch(segments, performance.now() - start);
    let [offset, shares] = [0, 0];
    for (const { work, first, count } of parts) {
      work.labels.set(rows.labels.subarray(offset, offset + count), first);
      work.confidence.set(rows.confidence.subarray(offset, offset + count), first);
      const { classes } = work;
      if (work.probabilities.length > 0) {
        work.probabilities.set(rows.probabilities.subarray(shares, shares + count * classes), first * classes);
      }
      if (work.logits.length > 0) {
        work.logits.set(rows.logits.subarray(shares, shares + count * classes), first * classes);
      }
      offset += count;
      shares += count * classes;
    }
  }

  /** Counts a batch for each adapter in it, with its share of the time. */
  private countBatch(
    segments: readonly { readonly digest: string; readonly count: number }[],
    milliseconds: number,
  ): void {
    const patches = new Map<string, number>();
    let all = 0;
    for (const { digest, count } of segments) {
      patches.set(digest, (patches.get(digest) ?? 0) + count);
      all += count;
    }
    for (const [digest, own] of patches) this.statistics.executed(digest, own, (milliseconds * own) / all);
  }

  private async predict(parts: readonly Part<PatchWork>[], signal: AbortSignal): Promise<void> {
    const { backboneDigest, precision, adapter } = parts[0]!.work;
    const pieces = parts.map(({ work, first, count }) => {
      const values = patchValuesOf(work);
      return work.images.subarray(first * values, (first + count) * values);
    });
    const images = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0));
    let place = 0;
    for (const piece of pieces) {
      images.set(piece, place);
      place += piece.length;
    }
    const transfer = [images.buffer];
    const batch = { images, backboneDigest, precision, adapter };
    const { columns, values } = await this.engine.call('predict', batch, { transfer, signal });
    let offset = 0;
    for (const { work, first, count } of parts) {
      if (work.rows.length === 0) work.rows = new Float32Array(work.patches * columns);
      work.rows.set(values.subarray(offset * columns, (offset + count) * columns), first * columns);
      offset += count;
    }
  }

  /**
   * Frees the engine's tensors of unfinished work. The call queues behind the batches that still use them, because the
   * engine answers in order.
   */
  discard(work: EngineWork): void {
    if (work.kind !== 'tile' || work.content !== undefined) return;
    void this.engine.call('closeTile', { key: work.key }).catch(() => undefined);
  }
}

function isOfPatches(parts: readonly Part<EngineWork>[]): parts is readonly Part<PatchWork>[] {
  return parts[0]!.work.kind === 'patches';
}
