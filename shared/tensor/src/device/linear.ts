import { flag, integer, real, text, typeAttribute } from './attributes.js';
import { execute, type DeviceTensor } from './device-tensor.js';
import { add, matMul } from './operations.js';
import { gelu } from './row-operations.js';

/** A linear layer as the kernels take it: x · weight + bias. */
export interface DeviceLinear {
  /** `[in, out]` */
  readonly weight: DeviceTensor;
  /** `[out]` */
  readonly bias: DeviceTensor;
}

export type Activation = 'none' | 'gelu';

let fused = false;

/** Whether layers run as one fused op from now on; off until the machine was measured. */
export function useFusedLayers(use: boolean): void {
  fused = use;
}

/**
 * x · weight + bias, then an activation or a residual, in one pass over the result where the machine has fused kernels (oneDNN's, which
 * TensorFlow keeps for its graph rewriter; the kernel label is what it uses), else by public ops.
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
    // The kernel would keep the first weights it sees, and kernels are shared by all calls of one signature.
    flag('is_filter_const', false),
    text('_kernel', 'MklNameChangeOp'),
  ];
  const inputs = residual === undefined ? [x, weight, bias] : [x, weight, bias, residual];
  return execute('_MklNativeFusedMatMul', attributes, inputs)[0]!;
}
