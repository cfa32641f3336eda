import type { BackboneConfig } from '@hyperswap/spectralgpt';
import { servingInstruments } from '@hyperswap/telemetry';
import { adapterGroup } from './batch-size.js';
import type { AdmittedAdapter, BindingTable } from './binding-table.js';
import type { CheckedTile } from './check-tile.js';
import type { EngineBatches, EngineWork } from './engine-batches.js';
import type { Reservation, Size } from './scheduler/memory-budget.js';
import type { PatchScheduler, ScheduledFlow, WorkTimes } from './scheduler/patch-scheduler.js';
import { newTileWork, tileSize, type TileExtent, type TileLabels } from './tile-work.js';

/** Labels of a tile, and how long they took. */
export interface ClassifiedTile extends TileLabels {
  readonly times: WorkTimes;
}

/** Flow of the chunks of one job that this process works on. */
interface JobFlow {
  readonly flow: ScheduledFlow<EngineWork>;
  users: number;
}

export interface TileClassifierContext {
  readonly bindings: BindingTable;
  readonly scheduler: PatchScheduler<EngineWork>;
  readonly batches: EngineBatches;
  /** Config of the served backbone. */
  readonly config: BackboneConfig;
}

/** Classifies checked tiles with adapters of the served backbone. */
export class TileClassifier {
  private readonly jobFlows = new Map<string, JobFlow>();
  private readonly instruments = servingInstruments();

  constructor(private readonly context: TileClassifierContext) {}

  /** Returns a flow for the tiles of one client. */
  flow(): ScheduledFlow<EngineWork> {
    return this.context.scheduler.flow('interactive');
  }

  /** Runs a function with the flow that all chunks of a job share in this process. */
  async withJobFlow<Result>(job: string, use: (flow: ScheduledFlow<EngineWork>) => Promise<Result>): Promise<Result> {
    const known = this.jobFlows.get(job) ?? { flow: this.context.scheduler.flow('job'), users: 0 };
    this.jobFlows.set(job, known);
    known.users += 1;
    try {
      return await use(known.flow);
    } finally {
      known.users -= 1;
      if (known.users === 0) this.jobFlows.delete(job);
    }
  }

  /** Returns what a tile has to reserve. */
  sizeOf(tile: TileExtent, adapter: AdmittedAdapter, probabilities: boolean): Size {
    return tileSize(tile, adapter, this.context.config, probabilities);
  }

  /**
   * Classifies the pixels of a tile's window. The tile's buffer moves to the engine.
   *
   * @param reservation of {@link sizeOf}; the caller releases it
   * @param probabilities the probabilities of all classes are wanted too
   * @throws CANCELLED, DEADLINE, also while it waits; what the adapter's binding and the engine fail with
   */
  async classify(
    flow: ScheduledFlow<EngineWork>,
    tile: CheckedTile,
    adapter: AdmittedAdapter,
    reservation: Reservation,
    probabilities: boolean,
    signal: AbortSignal,
  ): Promise<ClassifiedTile> {
    const { bindings, batches, config } = this.context;
    const work = newTileWork(tile, adapter, adapterGroup(adapter, config), probabilities);
    const bound = await bindings.acquire(adapter, signal);
    let isDone = false;
    try {
      const times = await flow.run(work, reservation, signal);
      isDone = true;
      this.instruments.patches.add(work.patches, { adapter: adapter.reference });
      const { labels, confidence, probabilities: shares } = work;
      return { labels, confidence, probabilities: shares, times };
    } finally {
      // Its last batch would have freed it.
      if (!isDone) batches.discard(work);
      bindings.release(bound);
    }
  }
}
