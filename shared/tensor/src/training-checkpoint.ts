import type { NamedTensor } from '@hyperswap/safetensors';

/** State from which a training, or a stage of it, continues after an epoch. */
export interface TrainingCheckpoint {
  /** Completed epochs and steps. */
  readonly epoch: number;
  readonly steps: number;
  readonly random: readonly number[];
  readonly losses: readonly number[];
  readonly accuracies: readonly number[];
  /** Parameters and their moments; under `best.` those of the best epoch, where validation chooses it. */
  readonly tensors: ReadonlyMap<string, NamedTensor>;
}
