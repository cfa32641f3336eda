import type { TrainingProgress as TrainingProgressMessage } from '@hyperswap/proto';

/** Progress of a training or pretraining. */
export interface TrainingProgress {
  /** Name of the stage, in words. */
  readonly stage: string;
  /** Steps or patches done in this stage, and in all. */
  readonly done: number;
  readonly total: number;
  /** Epoch from 1; 0 outside of the training itself. */
  readonly epoch: number;
  /** Mean loss of the last epoch, or of the last step of a pretraining; undefined in other stages. */
  readonly loss: number | undefined;
}

/** Returns progress as it travels over gRPC. */
export function toProgressMessage({ stage, done, total, epoch, loss }: TrainingProgress): TrainingProgressMessage {
  return { progress: { stage, done, total }, epoch, loss };
}
