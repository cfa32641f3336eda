import type { Pooling } from '@hyperswap/spectralgpt';
import type { AugmentationSettings } from './augmentation.js';

/** Settings that the trainings of all methods share. */
export interface TrainingSettings {
  readonly epochs: number;
  /** Fit of a linear probe's head: gradient descent, or a discriminant analysis in one step. */
  readonly head: 'descent' | 'discriminant';
  /** Epochs of the head alone before the training, for methods that learn more than the head. */
  readonly probeEpochs: number;
  /** Epochs of a new head after the training, on the resulting features; 0 keeps the head trained with them. */
  readonly headEpochs: number;
  readonly batchSize: number;
  /** Patches of a batch whose gradient is computed at once, to limit memory; 0 for as many as fit into a gigabyte. */
  readonly patchesAtOnce: number;
  /** Learning rate of the parameters besides the head, and of the head while they learn. */
  readonly learningRate: number;
  /** Learning rate of the head alone. */
  readonly headLearningRate: number;
  readonly schedule: 'cosine' | 'constant';
  readonly weightDecay: number;
  readonly warmUpEpochs: number;
  /** Maximum joint norm of all gradients; 0 disables clipping. */
  readonly gradientClip: number;
  /** Share of a patch's tokens that a step hides, as in pretraining. It makes steps faster and reduces overfitting. */
  readonly hiddenTokens: number;
  /** Share of the probability that label smoothing distributes over all classes. */
  readonly labelSmoothing: number;
  /** Pooling of the tokens into the head's input. */
  readonly pooling: Pooling;
  readonly classWeights: 'none' | 'balanced';
  readonly augmentation: AugmentationSettings;
  /** Epochs without a better validation accuracy after which training stops; 0 disables early stopping. */
  readonly patience: number;
  /** Epochs from one checkpoint to the next; 0 for none. */
  readonly checkpointEvery: number;
  readonly seed: number;
}
