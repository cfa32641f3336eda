import type { ProgramClient } from '@hyperswap/tensor';
import type { TileProgram, TileToOpen } from './engine/program.js';
import type { ServingStatistics } from './serving-statistics.js';
import type { Part } from './scheduler/work.js';
import type { TileWork } from './tile-work.js';

/** Work that the engine takes in batches. */
export type EngineWork = TileWork;

/** Runs batches of the scheduler in the engine. */
export class EngineBatches {
  constructor(
    private readonly engine: ProgramClient<TileProgram>,
    private readonly statistics: ServingStatistics,
  ) {}

  /**
   * Runs a batch, and writes its rows into the work of its parts.
   *
   * @param parts of one binding
   * @param signal stops the batch between two blocks
   */
  async run(parts: readonly Part<EngineWork>[], signal: AbortSignal): Promise<void> {
    const open: TileToOpen[] = [];
    for (const { work } of parts) {
      if (work.content === undefined) continue;
      open.push({ key: work.key, ...work.content });
      work.content = undefined;
    }
    const segments = parts.map(({ work, first, count }) => ({ key: work.key, first, count }));
    const probabilities = parts.some(({ work }) => work.probabilities.length > 0);
    const { digest } = parts[0]!.work;
    const transfer = open.map(({ pixels }) => pixels);
    const start = performance.now();
    const rows = await this.engine.call('classify', { digest, open, segments, probabilities }, { transfer, signal });
    const patches = segments.reduce((sum, { count }) => sum + count, 0);
    this.statistics.executed(digest, patches, performance.now() - start);
    let offset = 0;
    for (const { work, first, count } of parts) {
      work.labels.set(rows.labels.subarray(offset, offset + count), first);
      work.confidence.set(rows.confidence.subarray(offset, offset + count), first);
      const { classes } = work;
      if (work.probabilities.length > 0) {
        work.probabilities.set(
          rows.probabilities.subarray(offset * classes, (offset + count) * classes),
          first * classes,
        );
      }
      offset += count;
    }
  }

  /** Frees what the engine holds of work that is not run to its end. Behind the batches that still use it: the engine answers in order. */
  discard(work: EngineWork): void {
    if (work.content !== undefined) return;
    void this.engine.call('closeTile', { key: work.key }).catch(() => undefined);
  }
}
