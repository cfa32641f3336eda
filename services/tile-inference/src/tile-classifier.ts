import { toHyperswapError } from '@hyperswap/errors';
import type { BackboneConfig } from '@hyperswap/spectralgpt';
import { boundedLabels, instruments, withSpan } from '@hyperswap/telemetry';
import { adapterGroup } from './batch-size.js';
import type { AdmittedAdapter, BindingTable, BoundAdapter } from './binding-table.js';
import type { CheckedTile } from './check-tile.js';
import type { EngineBatches, EngineWork } from './engine-batches.js';
import type { FlowKind } from './scheduler/flow.js';
import type { Reservation, Size } from './scheduler/memory-budget.js';
import type { PatchScheduler, ScheduledFlow, WorkTimes } from './scheduler/patch-scheduler.js';
import type { ServingStatistics } from './serving-statistics.js';
import { newTileWork, tileSize, type TileExtent, type TileResults } from './tile-work.js';

/** Versions that have metrics of their own; those that come later share one. */
const adapterLabels = 100;

/** Labels of a tile, and how long they took. */
export interface ClassifiedTile extends TileResults {
  readonly times: WorkTimes;
}

/** Flow shared by several pieces of work, as long as one of them exists. */
interface SharedFlow {
  readonly flow: ScheduledFlow<EngineWork>;
  users: number;
}

export interface TileClassifierContext {
  readonly bindings: BindingTable;
  readonly scheduler: PatchScheduler<EngineWork>;
  readonly batches: EngineBatches;
  readonly statistics: ServingStatistics;
  /** Config of the served backbone. */
  readonly config: BackboneConfig;
}

/** Classifies checked tiles with adapters of the served backbone. */
export class TileClassifier {
  private readonly sharedFlows: Readonly<Record<FlowKind, Map<string, SharedFlow>>> = {
    interactive: new Map(),
    job: new Map(),
  };
  private readonly adapterLabel = boundedLabels(adapterLabels);

  constructor(private readonly context: TileClassifierContext) {}

  /** Returns a flow for the tiles of one client. */
  flow(): ScheduledFlow<EngineWork> {
    return this.context.scheduler.flow('interactive');
  }

  /**
   * Runs a function with a flow that others may share: all chunks of a job in this process, all unary calls of a
   * connection.
   *
   * @param key of those that share the flow
   */
  async withSharedFlow<Result>(
    kind: FlowKind,
    key: string,
    use: (flow: ScheduledFlow<EngineWork>) => Promise<Result>,
  ): Promise<Result> {
    const flows = this.sharedFlows[kind];
    const known = flows.get(key) ?? { flow: this.context.scheduler.flow(kind), users: 0 };
    flows.set(key, known);
    known.users += 1;
    try {
      return await use(known.flow);
    } finally {
      known.users -= 1;
      if (known.users === 0) flows.delete(key);
    }
  }

  /**
   * Counts a tile that was refused before it was classified.
   *
   * @param adapter version that it was for; undefined where none was found
   * @param milliseconds from its arrival
   */
  refused(adapter: AdmittedAdapter | undefined, error: unknown, milliseconds: number): void {
    if (adapter !== undefined) this.context.statistics.failed(adapter, milliseconds);
    // Clients may send names of adapters that do not exist. Such a name is not used as a label.
    const label = adapter === undefined ? 'unknown' : this.adapterLabel(adapter.reference);
    instruments().adapterTiles.add(1, { adapter: label, outcome: toHyperswapError(error).code });
  }

  /** Returns the size that a tile has to reserve. */
  sizeOf(tile: TileExtent, adapter: AdmittedAdapter, probabilities: boolean): Size {
    return tileSize(tile, adapter, this.context.config, probabilities);
  }

  /**
   * Classifies the pixels of a tile's window, or those that are chosen of it. The tile's buffer moves to the engine.
   *
   * @param reservation of {@link sizeOf}; the caller releases it
   * @param probabilities the probabilities of all classes are wanted too
   * @throws CANCELLED, DEADLINE, also while it waits; errors of the adapter's binding and the engine
   */
  async classify(
    flow: ScheduledFlow<EngineWork>,
    tile: CheckedTile,
    adapter: AdmittedAdapter,
    reservation: Reservation,
    probabilities: boolean,
    signal: AbortSignal,
  ): Promise<ClassifiedTile> {
    const { height, width } = tile.window;
    const attributes = { adapter: adapter.reference, patches: height * width };
    return withSpan('tile', { attributes }, async () => {
      const { bindings, batches, statistics, config } = this.context;
      const start = performance.now();
      const work = newTileWork(tile, adapter, adapterGroup(adapter, config), probabilities);
      let bound: BoundAdapter | undefined;
      const { adapterPatches, adapterTiles } = instruments();
      const label = this.adapterLabel(adapter.reference);
      try {
        bound = await bindings.acquire(adapter, signal);
        const times = await flow.run(work, reservation, signal);
        statistics.succeeded(adapter, work.patches, times, performance.now() - start);
        adapterPatches.add(work.patches, { adapter: label });
        adapterTiles.add(1, { adapter: label, outcome: 'OK' });
        const { labels, confidence, probabilities: shares, logits } = work;
        return { labels, confidence, probabilities: shares, logits, times };
      } catch (error) {
        // Its last batch would have freed it.
        batches.discard(work);
        statistics.failed(adapter, performance.now() - start);
        adapterTiles.add(1, { adapter: label, outcome: toHyperswapError(error).code });
        throw error;
      } finally {
        if (bound !== undefined) bindings.release(bound);
      }
    });
  }
}
