/**
 * Transformer blocks whose layers are 8-bit integers, in kernels of our own (`kernels/int8-block.cc`). Weights have a
 * scale per output; activations get a scale and an offset per token, found while they are written. A token's result
 * does not depend on the other tokens of a batch, and integer sums are exact, so that labels do not depend on how a
 * scene was cut. TensorFlow's own 8-bit product has one scale for all rows of a batch.
 *
 * Any processor can run them; processors with AVX-512 VNNI run them faster than bfloat16.
 */
import { flag, integer, real } from './attributes.js';
import { execute, type DeviceTensor } from './device-tensor.js';
import type { DeviceLinear } from './linear.js';

/** Layer in 8-bit integers, as `packInt8` makes it. */
export interface PackedLinear extends DeviceLinear {
  readonly center: DeviceTensor;
}

/** Layers of a block in the order in which the kernel takes them. */
export interface Int8Layers {
  readonly query: PackedLinear;
  /** Has the query's center, as has the value. */
  readonly key: PackedLinear;
  readonly value: PackedLinear;
  readonly projection: PackedLinear;
  /** First and second layer of the perceptron. */
  readonly first: PackedLinear;
  readonly second: PackedLinear;
}

export interface Int8BlockShape {
  /** Tokens a patch. */
  readonly tokens: number;
  readonly heads: number;
  /** Width of the perceptron's hidden layer. */
  readonly hidden: number;
  /** Added to the variances of the norms. */
  readonly epsilon: number;
  /** Takes the sums of any processor, which are slower and equal. @default false */
  readonly portable?: boolean;
}

/**
 * Quantises a layer, each output by its largest weight.
 *
 * @param layer `[in, out]` and `[out]`, float32
 * @param center mean input of each token, `[tokens, in]`, float32; zeros are allowed and cost accuracy
 * @returns `[panels, in / 4, 64]` int32, four weights in each; `[2 + tokens, panels · 64]` float32: scales, sums, and
 *   the bias of each token; and the center itself
 */
export function packInt8({ weight, bias }: DeviceLinear, center: DeviceTensor): PackedLinear {
  const [values, columns] = execute('HyperswapInt8Pack', [], [weight, bias, center], 2);
  return { weight: values!, bias: columns!, center };
}

/**
 * Runs a pre-norm block on whole patches. Scales and shifts of the norms and attention's 1 / √(head width) are folded
 * into the layers.
 *
 * @param x `[patches · tokens, width]`, float32, also the result's shape
 * @param layers packed
 */
export function int8Block(
  x: DeviceTensor,
  layers: Int8Layers,
  { tokens, heads, hidden, epsilon, portable = false }: Int8BlockShape,
): DeviceTensor {
  const { query, key, value, projection, first, second } = layers;
  const inputs = [query, key, value, projection, first, second].flatMap(({ weight, bias }) => [weight, bias]);
  const attributes = [
    integer('tokens', tokens),
    integer('heads', heads),
    integer('hidden', hidden),
    real('epsilon', epsilon),
    flag('portable', portable),
  ];
  const centers = [query, projection, first, second].map(({ center }) => center);
  return execute('HyperswapInt8Block', attributes, [x, ...inputs, ...centers])[0]!;
}
