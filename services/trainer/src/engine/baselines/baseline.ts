/**
 * Baselines for comparison with adapters: classifiers without a backbone, trained on the same patches. They run in the
 * executor's worker.
 */
import type { MethodContext } from '@hyperswap/tensor';
import type { StageCheckpoint } from '../descend.js';
import type { LabelledPatches } from '../train.js';

export interface BaselineArguments {
  readonly patches: LabelledPatches;
  readonly classes: number;
  readonly patchSize: number;
  /** Components of the scene, or its bands, as the method takes. */
  readonly components: number;
  readonly epochs: number | undefined;
  readonly seed: number;
  /** Checkpoint of an earlier run with the same arguments, for methods that offer some. */
  readonly resumed: StageCheckpoint | undefined;
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
  /** @param scores `[patches, patchSize, patchSize, components]`, or bands */
  classify(scores: Float32Array): Classified;
  dispose(): void;
}

export interface Baseline {
  readonly name: string;
  readonly description: string;
  /** Values of a pixel that it takes: the scene's components or all its bands. */
  readonly takes: 'components' | 'bands';
  /** Largest side of the square around a pixel that the method looks at; undefined for the whole patch. */
  readonly side?: number;
  fit(args: BaselineArguments, context: MethodContext): Promise<Classifier>;
}
