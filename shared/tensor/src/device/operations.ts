/** The ops that the model is made of, on device tensors of one element type. Shapes are NumPy's; results belong to the open scope. */
import { flag, typeAttribute } from './attributes.js';
import {
  constant,
  deviceScope,
  deviceTensor,
  execute,
  release,
  type DeviceTensor,
  type ElementType,
} from './device-tensor.js';

function indices(values: readonly number[]): DeviceTensor {
  return constant(`i${values.join()}`, () => deviceTensor(Int32Array.from(values), [values.length]));
}

function number(value: number, type: ElementType): DeviceTensor {
  return constant(`${type}${value}`, () => cast(deviceTensor(Float32Array.of(value), []), type));
}

/** To another element type; bfloat16 is rounded to nearest even. A tensor of that type already is returned as it is. */
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
/** The same values under a number of their own; nothing is copied. */
export const identity = ofOne('Identity');
/** Over the last axis. */
export const softmax = ofOne('Softmax');

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

/** x · y of matrices, either transposed on the way. */
export function matMul(x: DeviceTensor, y: DeviceTensor, transposeX = false, transposeY = false): DeviceTensor {
  const attributes = [typeAttribute('T', x.type), flag('transpose_a', transposeX), flag('transpose_b', transposeY)];
  return execute('MatMul', attributes, [x, y])[0]!;
}

/** Products of the last two axes, either transposed on the way. */
export function batchMatMul(x: DeviceTensor, y: DeviceTensor, transposeX = false, transposeY = false): DeviceTensor {
  const attributes = [typeAttribute('T', x.type), flag('adj_x', transposeX), flag('adj_y', transposeY)];
  return execute('BatchMatMulV2', attributes, [x, y])[0]!;
}

/** x · Φ(x), exact: ½ x (1 + erf(x / √2)), in float32 whatever comes in. @returns of x's element type */
export function gelu(x: DeviceTensor): DeviceTensor {
  return deviceScope(() => {
    const precise = cast(x, 'float32');
    const doubled = deviceScope(() =>
      add(
        deviceScope(() => errorFunction(multiply(precise, Math.SQRT1_2))),
        1,
      ),
    );
    return cast(
      multiply(
        deviceScope(() => multiply(precise, 0.5)),
        doubled,
      ),
      x.type,
    );
  });
}

/**
 * dy · gelu′(x) = dy · (Φ(x) + x φ(x)), in float32 whatever comes in. Each step frees what it was made from: at base size each is 50 MB.
 *
 * @returns of dy's element type
 */
export function geluGradient(x: DeviceTensor, dy: DeviceTensor): DeviceTensor {
  return deviceScope(() => {
    const scaled = multiply(cast(x, 'float32'), Math.SQRT1_2);
    const slope = deviceScope(() => {
      const density = deviceScope(() => exponential(deviceScope(() => negate(square(scaled)))));
      return multiply(
        deviceScope(() => multiply(scaled, density)),
        1 / Math.sqrt(Math.PI),
      );
    });
    const cumulative = deviceScope(() =>
      multiply(
        deviceScope(() => add(errorFunction(scaled), 1)),
        0.5,
      ),
    );
    release(scaled);
    return multiply(
      dy,
      deviceScope(() => cast(add(cumulative, slope), dy.type)),
    );
  });
}

/** Rows to mean 0 and variance 1, and the factor of each row, `[rows, 1]`. @param x float32 */
export function standardise(
  x: DeviceTensor,
  epsilon: number,
): { readonly rows: DeviceTensor; readonly factors: DeviceTensor } {
  return deviceScope(() => {
    const means = rowMeans(x);
    const variances = deviceScope(() => rowMeans(squaredDifference(x, means)));
    const factors = reciprocalRoot(add(variances, epsilon));
    return {
      rows: multiply(
        deviceScope(() => subtract(x, means)),
        factors,
      ),
      factors,
    };
  });
}

/**
 * The gradient of `standardise`, float32: (dy − mean(dy) − y · mean(dy · y)) · factor.
 *
 * @param y what it gave, with its row factors
 */
export function standardiseGradient(y: DeviceTensor, factors: DeviceTensor, dy: DeviceTensor): DeviceTensor {
  return deviceScope(() => {
    const projected = deviceScope(() => multiply(y, rowMeans(multiply(dy, y))));
    const centred = deviceScope(() =>
      subtract(
        deviceScope(() => subtract(dy, rowMeans(dy))),
        projected,
      ),
    );
    return multiply(centred, factors);
  });
}
