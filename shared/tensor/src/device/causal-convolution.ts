/** Depthwise causal convolution with SiLU, as Mamba has it before its scan. */
import { tensorflow, type Tensor, type Tensor1D, type Tensor2D, type Tensor3D } from '../tensorflow.js';
import { deviceScope, borrow, execute, handOver } from './device-tensor.js';
import { usesRowKernels } from './row-operations.js';
import { silu } from './silu.js';

/** Channels of a kernel come in vectors of so many. */
export const laneWidth = 16;

/**
 * Computes silu(bias + Σ weights[tap] · x[step − taps + 1 + tap]) of each channel, with a gradient of all inputs; steps
 * before the first count as zero. On CPUs it is one op of ours (`kernels/sequence-kernels.cc`); elsewhere, and for
 * channels that are no multiple of 16, TensorFlow's own ops do it.
 *
 * @param x `[sequences, length, channels]`, also the result's shape
 * @param weights `[channels, taps]`, the last tap is the own step's
 * @param bias `[channels]`
 */
export function causalConvolution(x: Tensor3D, weights: Tensor2D, bias: Tensor1D): Tensor3D {
  const tf = tensorflow();
  if (!usesRowKernels() || x.shape[2] % laneWidth !== 0) return composedConvolution(x, weights, bias);
  const operation = tf.customGrad((...given) => {
    const inputs = given.slice(0, 3) as Tensor[];
    const save = given[3] as (tensors: Tensor[]) => void;
    save(inputs);
    const value = deviceScope(() => handOver(execute('HyperswapCausalConvolution', [], inputs.map(borrow))[0]!));
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] =>
      deviceScope(() => execute('HyperswapCausalConvolutionGradient', [], [...saved, dy].map(borrow), 3).map(handOver));
    return { value, gradFunc };
  });
  return operation(x, weights, bias) as Tensor3D;
}

function composedConvolution(x: Tensor3D, weights: Tensor2D, bias: Tensor1D): Tensor3D {
  const tf = tensorflow();
  const [sequences, length, channels] = x.shape;
  const taps = weights.shape[1];
  const padded = tf.pad(x, [
    [0, 0],
    [taps - 1, 0],
    [0, 0],
  ]);
  let sum: Tensor = bias;
  for (let tap = 0; tap < taps; tap++) {
    const seen = tf.slice(padded, [0, tap, 0], [sequences, length, channels]);
    sum = tf.add(sum, tf.mul(seen, tf.reshape(tf.slice(weights, [0, tap], [channels, 1]), [channels])));
  }
  return silu(sum as Tensor3D);
}
