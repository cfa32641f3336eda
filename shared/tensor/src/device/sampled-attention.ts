/**
 * Attention that reads a few points of a square grid of tokens instead of all tokens, as HyperSIGMA's sampling
 * attention (Wang et al. 2025, arXiv:2406.11519). Each query has points at learned offsets from its own token; keys and
 * values are interpolated there bilinearly, with zeros outside. On CPUs it is one op of ours
 * (`kernels/sampling-kernels.cc`); elsewhere TensorFlow's own ops do it.
 */
import { integer, typeAttribute } from './attributes.js';
import { composedSampledAttention, composedSampledAttentionGradient } from './composed-sampling.js';
import { execute, type DeviceTensor } from './device-tensor.js';
import { usesRowKernels } from './row-operations.js';

/**
 * Computes weights of the tokens from the scores of all tokens: those of the points, interpolated, go through a softmax
 * over the points, and spread back to the tokens. The product with the values is that of interpolated values.
 *
 * @param scores of keys by queries, `[…, side², side²]`
 * @param offsets `[…, side², 2 · points]` of scores' type: x and y of each point, in tokens from the query's own token
 * @returns the weights, of scores' shape and type
 */
export function sampledAttention(scores: DeviceTensor, offsets: DeviceTensor, side: number): DeviceTensor {
  if (!usesRowKernels()) return composedSampledAttention(scores, offsets, side);
  const attributes = [typeAttribute('T', scores.type), integer('side', side)];
  return execute('HyperswapSampledAttention', attributes, [scores, offsets])[0]!;
}

/**
 * Gradient of `sampledAttention`.
 *
 * @param gradient of its result
 */
export function sampledAttentionGradient(
  scores: DeviceTensor,
  offsets: DeviceTensor,
  side: number,
  gradient: DeviceTensor,
): { readonly scores: DeviceTensor; readonly offsets: DeviceTensor } {
  if (!usesRowKernels()) return composedSampledAttentionGradient(scores, offsets, side, gradient);
  const attributes = [typeAttribute('T', scores.type), integer('side', side)];
  const [dScores, dOffsets] = execute('HyperswapSampledAttentionGradient', attributes, [scores, offsets, gradient], 2);
  return { scores: dScores!, offsets: dOffsets! };
}
