import { failure, HyperswapError } from '@hyperswap/errors';
import { readSafetensors, writeSafetensors, type NamedTensor } from '@hyperswap/safetensors';
import type { ObjectStore } from '@hyperswap/storage';
import { z } from 'zod';

/** What a checkpoint holds beside tensors; of pretrainings one step is one epoch. */
const stateSchema = z.object({
  epoch: z.number().int().nonnegative(),
  steps: z.number().int().nonnegative(),
  random: z.array(z.number()),
  losses: z.array(z.number()),
  accuracies: z.array(z.number()),
});
/** The header holds a loss for each step of a pretraining, and what decides the run. */
const maximumHeaderBytes = 64 * 1024 * 1024;
const recordSchema = z.object({ fingerprint: z.string(), state: stateSchema });

export interface Checkpoint extends z.infer<typeof stateSchema> {
  readonly tensors: ReadonlyMap<string, NamedTensor>;
}

/** Where a run stands, in the store: one checkpoint a name, the last. */
export class Checkpoints {
  /**
   * @param key of the object
   * @param fingerprint of all that decides the run: another run's checkpoint is never taken for this one's
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

  /** @throws FIELD_INVALID when there is none, or it is another run's; OBJECT_DAMAGED */
  async last(): Promise<Checkpoint> {
    const content = await this.store.get(this.key).catch((error: unknown) => {
      if (!HyperswapError.is(error, 'OBJECT_NOT_FOUND')) throw error;
      const reason = 'no earlier run left a checkpoint: start it anew';
      throw failure('FIELD_INVALID', { field: 'resume', reason }, error);
    });
    const { tensors, metadata } = readSafetensors(content, { maximumHeaderBytes });
    const record = recordSchema.safeParse(JSON.parse(metadata.checkpoint ?? '{}'));
    if (record.data?.fingerprint !== this.fingerprint) {
      const reason = 'the checkpoint was made with other scenes, settings, seed or start: repeat those, or start anew';
      throw failure('FIELD_INVALID', { field: 'resume', reason });
    }
    return { ...record.data.state, tensors };
  }

  /** The same, or undefined when there is none of this run. */
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
