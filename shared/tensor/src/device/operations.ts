/**
 * Ops of the model on device tensors of one element type. Shapes follow NumPy's rules; results belong to the open
 * scope.
 */
import { flag, typeAttribute } from './attributes.js';
import { constant, deviceTensor, execute, type DeviceTensor, type ElementType } from './device-tensor.js';

function indices(values: readonly number[]): DeviceTensor {
  return constant(`i${values.join()}`, () => deviceTensor(Int32Array.from(values), [values.length]));
}

function number(value: number, type: ElementType): DeviceTensor {
  return constant(`${type}${value}`, () => cast(deviceTensor(Float32Array.of(value), []), type));
}

/**
 * Casts to another element type; bfloat16 rounds to nearest even. A tensor that has the type already is returned
 * unchanged.
 */
export function cast(x: DeviceTensor, type: ElementType): DeviceTensor {
  if (x.type === type) return x;
  return execute(
    'Cast',
    [typeAttribute('SrcT', x.type), typeAttribute('DstT', type), flag('Truncate', false)],
    [x],
  )[0]!;
}

export function reshape(x: DeviceTensor, shape: readonly number[]): DeviceTensor {
  return execute('Reshape', [typeAttribute('T', x.type), typeAttribute('Tshape', 'int32')], [x, indices(shape)])[0]!;
}

export function transpose(x: DeviceTensor, order: readonly number[]): DeviceTensor {
  return execute('Transpose', [typeAttribute('T', x.type), typeAttribute('Tperm', 'int32')], [x, indices(order)])[0]!;
}

function elementwise(op: string): (x: DeviceTensor, y: DeviceTensor | number) => DeviceTensor {
  return (x, y) => {
    const other = typeof y === 'number' ? number(y, x.type) : y;
    return execute(op, [typeAttribute('T', x.type)], [x, other])[0]!;
  };
}

function ofOne(op: string): (x: DeviceTensor) => DeviceTensor {
  return (x) => execute(op, [typeAttribute('T', x.type)], [x])[0]!;
}

export const add = elementwise('AddV2');
export const subtract = elementwise('Sub');
export const multiply = elementwise('Mul');
export const squaredDifference = elementwise('SquaredDifference');
export const errorFunction = ofOne('Erf');
export const exponential = ofOne('Exp');
export const square = ofOne('Square');
export const negate = ofOne('Neg');
export const reciprocalRoot = ofOne('Rsqrt');
export const absolute = ofOne('Abs');
/** ⌊x⌋ */
export const roundDown = ofOne('Floor');
/** max(x, 0) */
export const positivePart = ofOne('Relu');
/** Returns the same values under a new tensor number, without a copy. */
export const identity = ofOne('Identity');

/** Part of a tensor: `sizes` values of each axis from `first` on. */
export function slice(x: DeviceTensor, first: readonly number[], sizes: readonly number[]): DeviceTensor {
  const attributes = [typeAttribute('T', x.type), typeAttribute('Index', 'int32')];
  return execute('Slice', attributes, [x, indices(first), indices(sizes)])[0]!;
}

/** Mean over the last axis, kept as an axis of length 1. */
export function rowMeans(x: DeviceTensor): DeviceTensor {
  const attributes = [typeAttribute('T', x.type), typeAttribute('Tidx', 'int32'), flag('keep_dims', true)];
  return execute('Mean', attributes, [x, indices([-1])])[0]!;
}

/** Sum over the last axis, kept as an axis of length 1. */
export function rowSums(x: DeviceTensor): DeviceTensor {
  const attributes = [typeAttribute('T', x.type), typeAttribute('Tidx', 'int32'), flag('keep_dims', true)];
  return execute('Sum', attributes, [x, indices([-1])])[0]!;
}

/** Sum over the rows of a matrix: `[rows, columns]` to `[columns]`. */
export function columnSums(x: DeviceTensor): DeviceTensor {
  const attributes = [typeAttribute('T', x.type), typeAttribute('Tidx', 'int32'), flag('keep_dims', false)];
  return execute('Sum', attributes, [x, indices([0])])[0]!;
}

/** Matrix product x · y; each operand can be transposed. */
export function matMul(x: DeviceTensor, y: DeviceTensor, transposeX = false, transposeY = false): DeviceTensor {
  const attributes = [typeAttribute('T', x.type), flag('transpose_a', transposeX), flag('transpose_b', transposeY)];
  return execute('MatMul', attributes, [x, y])[0]!;
}

/** Products over the last two axes; each operand can be transposed. */
export function batchMatMul(x: DeviceTensor, y: DeviceTensor, transposeX = false, transposeY = false): DeviceTensor {
  const attributes = [typeAttribute('T', x.type), flag('adj_x', transposeX), flag('adj_y', transposeY)];
  return execute('BatchMatMulV2', attributes, [x, y])[0]!;
}
