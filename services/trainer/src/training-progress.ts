import type { TrainingProgress as TrainingProgressMessage } from '@hyperswap/proto';

/** Progress of a training or pretraining. */
export interface TrainingProgress {
  /** Readable name of the stage. */
  readonly stage: string;
  /** Completed steps or patches of this stage, and their total. */
  readonly done: number;
  readonly total: number;
  /** Epoch from 1; 0 outside the training itself. */
  readonly epoch: number;
  /** Mean loss of the last epoch, or of the last step of a pretraining; undefined in other stages. */
  readonly loss: number | undefined;
}

/** Converts progress to its protobuf message. */
export function toProgressMessage({ stage, done, total, epoch, loss }: TrainingProgress): TrainingProgressMessage {
  return { progress: { stage, done, total }, epoch, loss };
}
