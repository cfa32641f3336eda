/**
 * Element-wise and row-wise ops of a transformer block. On CPUs each is one op of ours, `kernels/row-kernels.cc`, with
 * one pass over memory; TensorFlow's own ops take up to eleven. Other devices compose them of TensorFlow's ops. The
 * arithmetic is float32 for every input type.
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

/** Switches our kernels on or off from now on. They run on CPUs only and are off until the device is known. */
export function useRowKernels(use: boolean): void {
  compiled = use;
}

/** Returns true if our kernels run, for ops of other files. */
export function usesRowKernels(): boolean {
  return compiled;
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

/** Adds the output of a branch, of either element type, to a float32 state. @returns float32 */
export function addBranch(x: DeviceTensor, branch: DeviceTensor): DeviceTensor {
  if (!compiled) return composedAddBranch(x, branch);
  return execute('HyperswapAddBranch', [typeAttribute('T', branch.type)], [x, branch])[0]!;
}

/**
 * Normalises rows to mean 0 and variance 1: layer normalisation without scale and shift.
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
 * Gradient of `standardise` plus the gradient of the residual path: residual + (dy − mean(dy) − y · mean(dy · y)) /
 * √(variance + epsilon).
 *
 * @param x the input that was standardised to y, float32
 * @param dy of y, of y's element type
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

/**
 * The gradient of a softmax over the last axis: a ⊙ (da − Σ da ⊙ a).
 *
 * @param gradient of the softmax, of its shape and element type
 */
export function softmaxGradient(softmax: DeviceTensor, gradient: DeviceTensor): DeviceTensor {
  if (!compiled) return composedSoftmaxGradient(softmax, gradient);
  return execute('HyperswapSoftmaxGradient', [typeAttribute('T', softmax.type)], [softmax, gradient])[0]!;
}
