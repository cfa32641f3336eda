import type { LearnedParameters } from '@hyperswap/peft';
import { withTensors, type Backbone } from '@hyperswap/spectralgpt';
import { makeVariable, tensorflow } from '@hyperswap/tensor';

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
