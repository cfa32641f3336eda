import { failure, HyperswapError } from '@hyperswap/errors';
import type { StartPretrainingRequest } from '@hyperswap/proto';
import { readSafetensors, writeSafetensors } from '@hyperswap/safetensors';
import type { ObjectStore } from '@hyperswap/storage';
import { z } from 'zod';
import type { PretrainingCheckpoint, PretrainingSettings } from './engine/pretrain.js';

const recordSchema = z.object({
  fingerprint: z.string(),
  step: z.number().int().nonnegative(),
  random: z.array(z.number()),
  lossByStep: z.array(z.number()),
});

/** Where a pretraining stands, in the store: one checkpoint a backbone, the last. */
export class PretrainingCheckpoints {
  private readonly key: string;
  /** Of all that decides the run: another run's checkpoint is never taken for this one's. */
  private readonly fingerprint: string;

  constructor(
    private readonly store: ObjectStore,
    { backbone, scenes, simulatedScenes }: StartPretrainingRequest,
    settings: PretrainingSettings,
    startDigest: string,
  ) {
    this.key = `pretraining/${backbone}/checkpoint.safetensors`;
    this.fingerprint = JSON.stringify({ scenes, simulatedScenes, settings, startDigest });
  }

  async save({ step, random, tensors }: PretrainingCheckpoint, lossByStep: readonly number[]): Promise<void> {
    const record = { fingerprint: this.fingerprint, step, random, lossByStep };
    await this.store.put(this.key, writeSafetensors({ tensors, metadata: { pretraining: JSON.stringify(record) } }));
  }

  /** @throws FIELD_INVALID when there is none, or it is another run's; OBJECT_DAMAGED */
  async last(): Promise<{ readonly checkpoint: PretrainingCheckpoint; readonly lossByStep: readonly number[] }> {
    const content = await this.store.get(this.key).catch((error: unknown) => {
      if (!(error instanceof HyperswapError) || error.code !== 'OBJECT_NOT_FOUND') throw error;
      throw failure(
        'FIELD_INVALID',
        { field: 'resume', reason: 'no earlier run left a checkpoint: start it anew' },
        error,
      );
    });
    const { tensors, metadata } = readSafetensors(content);
    const record = recordSchema.parse(JSON.parse(metadata.pretraining ?? '{}'));
    if (record.fingerprint !== this.fingerprint) {
      const reason = 'the checkpoint was made with other scenes, settings, seed or start: repeat those, or start anew';
      throw failure('FIELD_INVALID', { field: 'resume', reason });
    }
    const { step, random, lossByStep } = record;
    return { checkpoint: { step, random, tensors }, lossByStep };
  }

  async remove(): Promise<void> {
    await this.store.delete(this.key);
  }
}
