/**
 * Baselines for comparison with adapters: classifiers without a backbone, trained on the same patches. They run in the
 * executor's worker.
 */
import type { MethodContext } from '@hyperswap/tensor';
import type { LabelledPatches } from '../train.js';

export interface BaselineArguments {
  readonly patches: LabelledPatches;
  readonly classes: number;
  readonly patchSize: number;
  /** Components of the scene. */
  readonly components: number;
  /** Settings of the method, as given. */
  readonly settings: Readonly<Record<string, string>>;
  /** Folds to choose settings on: each marks the training pixels, 0 trains, 1 is held back, 2 does neither. */
  readonly folds: readonly Uint8Array[];
}

/** Classes of patches. */
export interface Classified {
  /** Class of each patch, from 1. */
  readonly labels: Uint8Array;
  /** Probability of that class in 255ths; undefined where the method gives none. */
  readonly confidence: Uint8Array | undefined;
}

/** A trained classifier of patches. */
export interface Classifier {
  /** Number of learned or stored values. */
  readonly parameters: number;
  /** Side of the window that it looks at, where it chose one. */
  readonly side?: number;
  /** Settings that it works with, given or chosen. */
  readonly chosen?: Readonly<Record<string, string>>;
  /** @param scores `[patches, patchSize, patchSize, components]` */
  classify(scores: Float32Array): Classified;
  dispose(): void;
}

export interface Baseline {
  readonly name: string;
  readonly description: string;
  /** Largest side of the square around a pixel that the method looks at; undefined for the whole patch. */
  readonly side?: number;
  /**
   * Checks the method's own settings; absent where it has none.
   *
   * @returns true if some are to be chosen on training pixels
   * @throws FIELD_INVALID
   */
  readonly chooses?: (settings: Readonly<Record<string, string>>, patchSize: number) => boolean;
  fit(args: BaselineArguments, context: MethodContext): Promise<Classifier>;
}
