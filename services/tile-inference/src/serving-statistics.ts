import { LRUCache } from 'lru-cache';
import type { AdmittedAdapter } from './binding-table.js';
import type { WorkTimes } from './scheduler/patch-scheduler.js';

/** Number of events, and milliseconds that they took together. */
export interface CountedTime {
  count: number;
  milliseconds: number;
}

/** Counts of one version's tiles since the start, or since it was last dropped. */
export interface VersionStatistics {
  readonly reference: string;
  readonly digest: string;
  /** Milliseconds since 1970 of the last tile that was classified. */
  lastInference: number;
  /** Pixels that were classified. */
  patches: number;
  readonly success: CountedTime;
  readonly fail: CountedTime;
  readonly queue: CountedTime;
  readonly engine: CountedTime;
}

/** Maximum number of versions in memory; the least recently used ones are dropped first. */
const rememberedVersions = 1_000;

/** Statistics of this process by version, of tiles, jobs and Open Inference requests together. */
export class ServingStatistics {
  private readonly byReference = new LRUCache<string, VersionStatistics>({ max: rememberedVersions });
  /** By digest, then by the number of patches of a batch. */
  private readonly batches = new LRUCache<string, Map<number, CountedTime>>({ max: rememberedVersions });

  /** A tile was classified. @param milliseconds from its arrival to its labels */
  succeeded(adapter: AdmittedAdapter, patches: number, times: WorkTimes, milliseconds: number): void {
    const version = this.version(adapter);
    version.lastInference = Date.now();
    version.patches += patches;
    add(version.success, milliseconds);
    add(version.queue, times.queued);
    add(version.engine, times.engine);
  }

  /** A tile was not classified. @param milliseconds from its arrival to its failure */
  failed(adapter: AdmittedAdapter, milliseconds: number): void {
    add(this.version(adapter).fail, milliseconds);
  }

  /** The engine ran a batch of a binding. @param milliseconds in the engine, with the wait behind the batch before */
  executed(digest: string, patches: number, milliseconds: number): void {
    const sizes = this.batches.get(digest) ?? new Map<number, CountedTime>();
    this.batches.set(digest, sizes);
    const size = sizes.get(patches) ?? { count: 0, milliseconds: 0 };
    sizes.set(patches, size);
    add(size, milliseconds);
  }

  /** Returns all versions that are remembered. */
  versions(): VersionStatistics[] {
    return [...this.byReference.values()];
  }

  /** Returns batches of a binding by their number of patches, the smallest first. */
  batchesOf(digest: string): [patches: number, time: CountedTime][] {
    return [...(this.batches.get(digest) ?? [])].sort(([a], [b]) => a - b);
  }

  private version({ reference, digest }: AdmittedAdapter): VersionStatistics {
    const none = (): CountedTime => ({ count: 0, milliseconds: 0 });
    const version = this.byReference.get(reference) ?? {
      ...{ reference, digest, lastInference: 0, patches: 0 },
      ...{ success: none(), fail: none(), queue: none(), engine: none() },
    };
    this.byReference.set(reference, version);
    return version;
  }
}

function add(sum: CountedTime, milliseconds: number): void {
  sum.count += 1;
  sum.milliseconds += milliseconds;
}
