/**
 * Baselines for comparison with adapters: classifiers without a backbone, trained on the same patches. They run in the
 * executor's worker.
 */
import type { LabelledPatches } from '../train.js';

export interface BaselineArguments {
  readonly patches: LabelledPatches;
  readonly classes: number;
  readonly patchSize: number;
  /** Components of the scene. */
  readonly components: number;
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
  /** @param scores `[patches, patchSize, patchSize, components]` */
  classify(scores: Float32Array): Classified;
  dispose(): void;
}

export interface Baseline {
  readonly name: string;
  readonly description: string;
  /** Largest side of the square around a pixel that the method looks at; undefined for the whole patch. */
  readonly side?: number;
  fit(args: BaselineArguments): Promise<Classifier>;
}
