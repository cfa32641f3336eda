/** Factors of a method while they learn. */
import type { ParameterChanges, Weights } from '@hyperswap/spectralgpt';
import { makeVariable, tensorflow, type Variable } from '@hyperswap/tensor';
import {
  adaptationShapes,
  adaptedParameters,
  initialFactors,
  type AdaptedBlocks,
  type Adaptation,
} from './adaptation.js';

/** Learned parameters besides the head: factors of adapted projections, or a whole backbone. */
export interface LearnedParameters {
  /** Variables by the names they are stored under; none for a linear probe. */
  readonly variables: ReadonlyMap<string, Variable>;
  /** Factor on the learning rate, by the variable's own name; 1 if there is none. */
  readonly rateFactors: ReadonlyMap<string, number>;
  /**
   * Computes the changes of the backbone from the variables' current values, with tfjs ops. Call it inside a gradient.
   */
  changes(): ParameterChanges;
  dispose(): void;
}

/**
 * Creates the factors of a method; the boosted ones of a "+" method learn λ times as fast.
 *
 * @param blocks sizes of the blocks that are adapted
 * @param weights of the frozen backbone, which are not changed
 */
export function learnedFactors(
  adaptation: Adaptation,
  blocks: AdaptedBlocks,
  weights: Weights,
  seed: number,
): LearnedParameters {
  const variables = new Map(
    [...initialFactors(adaptation, blocks, seed)].map(([name, value]) => [name, makeVariable(name, value)]),
  );
  const rateFactors = new Map<string, number>();
  for (const [name, { boosted }] of adaptationShapes(adaptation, blocks)) {
    if (boosted) rateFactors.set(variables.get(name)!.name, adaptation.settings.lambda);
  }
  return {
    variables,
    rateFactors,
    changes: () => adaptedParameters(adaptation, variables, blocks, weights),
    dispose: () => tensorflow().dispose([...variables.values()]),
  };
}
