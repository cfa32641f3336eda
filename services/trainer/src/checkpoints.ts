import { failure, HyperswapError } from '@hyperswap/errors';
import { readSafetensors, writeSafetensors, type NamedTensor } from '@hyperswap/safetensors';
import type { ObjectStore } from '@hyperswap/storage';
import { z } from 'zod';
import type { TrainingCheckpoint } from '@hyperswap/tensor';

/** Checkpoint state besides its tensors; in a pretraining one step is one epoch. */
const stateSchema = z.object({
  epoch: z.number().int().nonnegative(),
  steps: z.number().int().nonnegative(),
  random: z.array(z.number()),
  losses: z.array(z.number()),
  accuracies: z.array(z.number()),
});
/** Maximum header size. The header holds a loss for each step of a pretraining, and all inputs of the run. */
const maximumHeaderBytes = 64 * 1024 * 1024;
const recordSchema = z.object({ fingerprint: z.string(), state: stateSchema });

export interface Checkpoint extends z.infer<typeof stateSchema> {
  readonly tensors: ReadonlyMap<string, NamedTensor>;
}

/** Converts the engine's state to a stored checkpoint. */
export function toCheckpoint({ random, losses, accuracies, ...checkpoint }: TrainingCheckpoint): Checkpoint {
  return { ...checkpoint, random: [...random], losses: [...losses], accuracies: [...accuracies] };
}

/** Checkpoints of a run in the object store. Each name keeps only its last checkpoint. */
export class Checkpoints {
  /**
   * Opens the checkpoint of a run.
   *
   * @param key of the object
   * @param fingerprint of all inputs of the run; a checkpoint with another fingerprint is never used
   */
  constructor(
    private readonly store: ObjectStore,
    private readonly key: string,
    private readonly fingerprint: string,
  ) {}

  async save({ tensors, ...state }: Checkpoint): Promise<void> {
    const metadata = { checkpoint: JSON.stringify({ fingerprint: this.fingerprint, state }) };
    await this.store.put(this.key, writeSafetensors({ tensors, metadata }));
  }

  /**
   * Returns the last checkpoint.
   *
   * @throws FIELD_INVALID if there is none, or it belongs to another run; OBJECT_DAMAGED
   */
  async last(): Promise<Checkpoint> {
    const content = await this.store.get(this.key).catch((error: unknown) => {
      if (!HyperswapError.is(error, 'OBJECT_NOT_FOUND')) throw error;
      const reason = 'no earlier run left a checkpoint: start without it';
      throw failure('FIELD_INVALID', { field: 'resume', reason }, error);
    });
    const { tensors, metadata } = readSafetensors(content, { maximumHeaderBytes });
    const record = recordSchema.safeParse(JSON.parse(metadata.checkpoint ?? '{}'));
    if (record.data?.fingerprint !== this.fingerprint) {
      const reason =
        'the checkpoint was made with other scenes, settings, seed or start: use the same ones, or start without the checkpoint';
      throw failure('FIELD_INVALID', { field: 'resume', reason });
    }
    return { ...record.data.state, tensors };
  }

  /** Returns the last checkpoint, or undefined if this run has none. */
  async lastIfAny(): Promise<Checkpoint | undefined> {
    return this.last().catch((error: unknown) => {
      if (HyperswapError.is(error, 'FIELD_INVALID')) return undefined;
      throw error;
    });
  }

  async remove(): Promise<void> {
    await this.store.delete(this.key);
  }
}
