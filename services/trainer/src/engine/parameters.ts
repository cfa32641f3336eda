/** Learned parameters besides the head: factors of adapted projections, or the whole backbone. */
import { adaptationShapes, adaptedParameters, initialFactors, type Adaptation } from '@hyperswap/peft';
import { withTensors, type Backbone, type ParameterChanges, type ResidentBackbone } from '@hyperswap/spectralgpt';
import { makeVariable, tensorflow, type Variable } from '@hyperswap/tensor';

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

/** Creates the factors of a method; the boosted ones of a "+" method learn λ times as fast. */
export function factorParameters(adaptation: Adaptation, resident: ResidentBackbone, seed: number): LearnedParameters {
  const { config } = resident.backbone;
  const variables = new Map(
    [...initialFactors(adaptation, config, seed)].map(([name, value]) => [name, makeVariable(name, value)]),
  );
  const rateFactors = new Map<string, number>();
  for (const [name, { boosted }] of adaptationShapes(adaptation, config)) {
    if (boosted) rateFactors.set(variables.get(name)!.name, adaptation.settings.lambda);
  }
  return {
    variables,
    rateFactors,
    changes: () => adaptedParameters(adaptation, variables, config, resident.weights),
    dispose: () => tensorflow().dispose([...variables.values()]),
  };
}

/** Creates variables for every parameter of a backbone, with the backbone's values. */
export function backboneParameters(backbone: Backbone): LearnedParameters {
  const variables = withTensors(
    backbone,
    (tensors) =>
      new Map(
        [...tensors.shapes].map(([name, shape]) => [name, makeVariable(name, { shape, values: tensors.read(name) })]),
      ),
  );
  return {
    variables,
    rateFactors: new Map(),
    changes: () => ({ replaced: variables, updates: new Map() }),
    dispose: () => tensorflow().dispose([...variables.values()]),
  };
}
