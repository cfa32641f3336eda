import { flag, integer, real, text, typeAttribute } from './attributes.js';
import { execute, type DeviceTensor } from './device-tensor.js';
import { add, matMul } from './operations.js';
import { gelu } from './row-operations.js';

/** Linear layer in the layout of the kernels: x · weight + bias. */
export interface DeviceLinear {
  /** `[in, out]` */
  readonly weight: DeviceTensor;
  /** `[out]` */
  readonly bias: DeviceTensor;
  /** Mean input of each token, `[tokens, in]`; layers in int8 only. */
  readonly center?: DeviceTensor;
}

export type Activation = 'none' | 'gelu';

let fused = false;

/** Switches fused layers on or off from now on. They are off until the machine was measured. */
export function useFusedLayers(use: boolean): void {
  fused = use;
}

/**
 * Computes x · weight + bias, then an activation or a residual. Machines with fused kernels do it in one pass over the
 * result; others use public ops. The fused kernels are oneDNN's. TensorFlow reserves them for its graph rewriter, so
 * the op names the kernel label that the rewriter uses.
 *
 * @param x `[rows, in]`
 * @param residual `[rows, out]`, added last
 * @returns `[rows, out]`
 */
export function linear(
  x: DeviceTensor,
  { weight, bias }: DeviceLinear,
  activation: Activation = 'none',
  residual?: DeviceTensor,
): DeviceTensor {
  if (!fused) {
    const product = execute('BiasAdd', [typeAttribute('T', x.type)], [matMul(x, weight), bias])[0]!;
    const activated = activation === 'gelu' ? gelu(product) : product;
    return residual === undefined ? activated : add(activated, residual);
  }
  const fusedOps = [
    'BiasAdd',
    ...(activation === 'gelu' ? ['GeluExact'] : []),
    ...(residual === undefined ? [] : ['Add']),
  ];
  const attributes = [
    typeAttribute('T', x.type),
    flag('transpose_a', false),
    flag('transpose_b', false),
    integer('num_args', residual === undefined ? 1 : 2),
    text('fused_ops', fusedOps),
    real('epsilon', 0),
    real('leakyrelu_alpha', 0),
    // A constant filter would be cached at the first call, and all calls of one signature share the kernel.
    flag('is_filter_const', false),
    text('_kernel', 'MklNameChangeOp'),
  ];
  const inputs = residual === undefined ? [x, weight, bias] : [x, weight, bias, residual];
  return execute('_MklNativeFusedMatMul', attributes, inputs)[0]!;
}
