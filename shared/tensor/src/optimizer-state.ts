/** Parameters and their moments as named tensors, for checkpoints: `x`, `first.x`, `second.x`. */
import type { NamedTensor } from '@hyperswap/safetensors';
import type { AdamW } from './adamw.js';
import { tensorflow, type Variable } from './tensorflow.js';

type Named = readonly (readonly [string, Variable])[];

/** Creates a variable with given values. */
export function makeVariable(name: string, { shape, values }: NamedTensor): Variable {
  const tf = tensorflow();
  return tf.tidy(() => tf.variable(tf.tensor(values, [...shape]), true, `${name}#${crypto.randomUUID()}`));
}

/** @param parameters in the optimizer's order */
export function takeState(parameters: Named, optimizer: AdamW): Map<string, NamedTensor> {
  const { moments } = optimizer.state();
  const tensors = new Map<string, NamedTensor>();
  parameters.forEach(([name, variable], i) => {
    const { shape } = variable;
    const [first, second] = moments[i]!;
    tensors.set(name, { shape, values: variable.dataSync() as Float32Array });
    tensors.set(`first.${name}`, { shape, values: first });
    tensors.set(`second.${name}`, { shape, values: second });
  });
  return tensors;
}

/** Restores parameters and moments. @param steps taken before */
export function restoreState(
  tensors: ReadonlyMap<string, NamedTensor>,
  parameters: Named,
  optimizer: AdamW,
  steps: number,
): void {
  const tf = tensorflow();
  const values = (name: string): Float32Array => tensors.get(name)!.values;
  for (const [name, variable] of parameters) {
    const restored = tf.tensor(values(name), variable.shape);
    variable.assign(restored);
    restored.dispose();
  }
  const moments = parameters.map(([name]) => [values(`first.${name}`), values(`second.${name}`)] as const);
  optimizer.restore({ steps, moments });
}
