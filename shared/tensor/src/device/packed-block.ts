/**
 * Frozen transformer blocks in kernels of our own (`kernels/frozen-block.h`): one op a block, whose layers are packed
 * in 8-bit integers or in bfloat16. A patch passes through a block in the cache of one core, and its result does not
 * depend on the other patches of a batch, so that labels do not depend on how a scene was cut.
 *
 * In 8-bit integers, weights have a scale per output; activations get a scale and an offset per token, found while they
 * are written. TensorFlow's own 8-bit product has one scale for all rows of a batch. Any processor can run these ops;
 * processors with AVX-512 VNNI (8-bit integers) or AVX-512 BF16 (bfloat16) run them fast.
 */
import { flag, integer, real } from './attributes.js';
import { deviceScope, execute, readDevice, type DeviceTensor } from './device-tensor.js';
import type { DeviceLinear } from './linear.js';

/** Layers of a block in the order in which the kernels take them, all packed in the same format. */
export interface PackedLayers {
  readonly query: DeviceLinear;
  readonly key: DeviceLinear;
  readonly value: DeviceLinear;
  readonly projection: DeviceLinear;
  /** First and second layer of the perceptron. */
  readonly first: DeviceLinear;
  readonly second: DeviceLinear;
}

export interface PackedBlockShape {
  /** Tokens a patch. */
  readonly tokens: number;
  readonly heads: number;
  /** Width of the perceptron's hidden layer. */
  readonly hidden: number;
  /** Added to the variances of the norms. */
  readonly epsilon: number;
  /** Takes the instructions of any processor, which are slower. @default false */
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
export function packInt8({ weight, bias }: DeviceLinear, center: DeviceTensor): DeviceLinear {
  const [values, columns] = execute('HyperswapInt8Pack', [], [weight, bias, center], 2);
  return { weight: values!, bias: columns!, center };
}

/**
 * Rounds a layer to bfloat16 in the layout of the kernel.
 *
 * @param layer `[in, out]` and `[out]`, float32
 * @returns `[panels, in / 2, 64]` int32, two weights in each; and `[1, panels · 64]` float32, the bias
 */
export function packBf16({ weight, bias }: DeviceLinear): DeviceLinear {
  const [values, columns] = execute('HyperswapBf16Pack', [], [weight, bias], 2);
  return { weight: values!, bias: columns! };
}

/**
 * Returns true if `packedBlock` uses the processor's instruction for products of bfloat16: the processor has it, and
 * the compiler of the addon knew it (GCC 10, Clang 9 or newer).
 */
export function hasBf16Dot(): boolean {
  return deviceScope(() => readDevice(execute('HyperswapHasBf16Dot', [], [])[0]!)[0] === 1);
}

/**
 * Runs a pre-norm block on whole patches. Scales and shifts of the norms and attention's 1 / √(head width) are folded
 * into the layers.
 *
 * @param x `[patches · tokens, width]`, float32, also the result's shape
 * @param layers packed; those of `packInt8` have centers, and query, key and value share one
 */
export function packedBlock(
  x: DeviceTensor,
  layers: PackedLayers,
  { tokens, heads, hidden, epsilon, portable = false }: PackedBlockShape,
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
  const centers = [query, projection, first, second].flatMap(({ center }) => (center === undefined ? [] : [center]));
  const op = centers.length === 0 ? 'HyperswapBf16Block' : 'HyperswapInt8Block';
  return execute(op, attributes, [x, ...inputs, ...centers])[0]!;
}
