/** Properties shared by all work that needs the same backbone pass. */
export interface WorkGroup {
  /** Work of groups with the same key may share a batch. */
  readonly key: string;
  /** Cost of a patch, where one of an ordinary adapter costs 1. */
  readonly cost: number;
  /** Largest number of patches in a batch, whatever they cost. */
  readonly batchPatches: number;
}

/** Patches that arrive together: those of a tile, or the images of a message. */
export interface Work {
  readonly group: WorkGroup;
  /** Number of patches, at least 1. */
  readonly patches: number;
}

/** Consecutive patches of a piece of work, `first` to `first + count`. */
export interface Part<W extends Work> {
  readonly work: W;
  readonly first: number;
  readonly count: number;
}

/** Reason why a batch ended: it is full, its pixels are at their bound, or nothing else of its group waits. */
export type CutReason = 'full' | 'pixels' | 'drained';

/** Patches of one group that the engine takes at once. */
export interface Batch<W extends Work> {
  readonly parts: readonly Part<W>[];
  readonly reason: CutReason;
  /** Its first flow was idle, and has no more than a batch. */
  readonly brief: boolean;
}
