import type { Pooling } from '@hyperswap/spectralgpt';
import type { AugmentationSettings } from './augmentation.js';

/** What is common to the trainings of all methods. */
export interface TrainingSettings {
  readonly epochs: number;
  /** Epochs of the head alone before that, for methods that learn more than the head. */
  readonly probeEpochs: number;
  /** Epochs of a new head after that, on the features as they have become; 0 keeps the head that learned with them. */
  readonly headEpochs: number;
  readonly batchSize: number;
  /** Patches of a batch whose gradient is taken at once, to bound memory; 0 for as many as a gigabyte holds. */
  readonly patchesAtOnce: number;
  /** Of what learns beside the head, and of the head while that learns. */
  readonly learningRate: number;
  /** Of the head alone. */
  readonly headLearningRate: number;
  readonly schedule: 'cosine' | 'constant';
  readonly weightDecay: number;
  readonly warmUpEpochs: number;
  /** Largest norm of all gradients together; 0 leaves them. */
  readonly gradientClip: number;
  /** Share of a patch's tokens that a step hides, as in pretraining: faster steps, and no patch is learned by heart. */
  readonly hiddenTokens: number;
  /** Share of the probability that goes to all classes alike. */
  readonly labelSmoothing: number;
  /** What the head sees of the tokens. */
  readonly pooling: Pooling;
  readonly classWeights: 'none' | 'balanced';
  readonly augmentation: AugmentationSettings;
  /** Epochs without a better validation accuracy after which training stops; 0 for never. */
  readonly patience: number;
  /** Epochs from one checkpoint to the next; 0 for none. */
  readonly checkpointEvery: number;
  readonly seed: number;
}
