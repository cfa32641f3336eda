/**
 * What a transformer block does to one element or one row at a time. On processors each is one op of ours, `kernels/row-kernels.cc`, one pass
 * over memory where TensorFlow's own ops take up to eleven; elsewhere it is made of those. The arithmetic is float32 whatever comes in.
 */
import { real, typeAttribute } from './attributes.js';
import {
  composedAddBranch,
  composedGelu,
  composedGeluGradient,
  composedSoftmax,
  composedSoftmaxGradient,
  composedStandardise,
  composedStandardiseGradient,
} from './composed-rows.js';
import { execute, type DeviceTensor, type ElementType } from './device-tensor.js';

let compiled = false;

/** Whether kernels of ours serve from now on; they are for processors. Off until the device is known. */
export function useRowKernels(use: boolean): void {
  compiled = use;
}

/** x · Φ(x), exact (not the tanh form). @returns of x's shape and element type */
export function gelu(x: DeviceTensor): DeviceTensor {
  if (!compiled) return composedGelu(x);
  return execute('HyperswapGelu', [typeAttribute('T', x.type)], [x])[0]!;
}

/** dy · gelu′(x) = dy · (Φ(x) + x φ(x)). @param dy of x's shape and element type, as the result */
export function geluGradient(x: DeviceTensor, dy: DeviceTensor): DeviceTensor {
  if (!compiled) return composedGeluGradient(x, dy);
  return execute('HyperswapGeluGradient', [typeAttribute('T', x.type)], [x, dy])[0]!;
}

/** The sum of a float32 state and of what a branch beside it made, of either element type. @returns float32 */
export function addBranch(x: DeviceTensor, branch: DeviceTensor): DeviceTensor {
  if (!compiled) return composedAddBranch(x, branch);
  return execute('HyperswapAddBranch', [typeAttribute('T', branch.type)], [x, branch])[0]!;
}

/**
 * Rows to mean 0 and variance 1: layer normalisation without scale and shift.
 *
 * @param x float32, rows of at most 4,096 values
 * @param epsilon added to the variance
 * @param type the result's
 */
export function standardise(x: DeviceTensor, epsilon: number, type: ElementType): DeviceTensor {
  if (!compiled) return composedStandardise(x, epsilon, type);
  return execute('HyperswapStandardise', [typeAttribute('T', type), real('epsilon', epsilon)], [x])[0]!;
}

/**
 * The gradient of `standardise`, and of what passes it by: residual + (dy − mean(dy) − y · mean(dy · y)) / √(variance + epsilon).
 *
 * @param x what was standardised to y, float32
 * @param dy of y, of the element type that y had
 * @param residual float32, as the result
 */
export function standardiseGradient(
  x: DeviceTensor,
  epsilon: number,
  dy: DeviceTensor,
  residual: DeviceTensor,
): DeviceTensor {
  if (!compiled) return composedStandardiseGradient(x, epsilon, dy, residual);
  const attributes = [typeAttribute('T', dy.type), real('epsilon', epsilon)];
  return execute('HyperswapStandardiseGradient', attributes, [x, dy, residual])[0]!;
}

/** e^x / Σ e^x over the last axis. @param x rows of at most 4,096 values @returns of x's shape and element type */
export function softmax(x: DeviceTensor): DeviceTensor {
  if (!compiled) return composedSoftmax(x);
  return execute('HyperswapSoftmax', [typeAttribute('T', x.type)], [x])[0]!;
}

/** The gradient of a softmax over the last axis: a ⊙ (da − Σ da ⊙ a). @param gradient of the softmax, of its shape and element type */
export function softmaxGradient(softmax: DeviceTensor, gradient: DeviceTensor): DeviceTensor {
  if (!compiled) return composedSoftmaxGradient(softmax, gradient);
  return execute('HyperswapSoftmaxGradient', [typeAttribute('T', softmax.type)], [softmax, gradient])[0]!;
}
