/**
 * Ops of `row-operations.ts`, composed of TensorFlow's own ops, for devices without our kernels. Each step frees its
 * inputs.
 */
import { typeAttribute } from './attributes.js';
import { deviceScope, execute, release, type DeviceTensor, type ElementType } from './device-tensor.js';
import {
  add,
  cast,
  errorFunction,
  exponential,
  multiply,
  negate,
  reciprocalRoot,
  rowMeans,
  rowSums,
  square,
  squaredDifference,
  subtract,
} from './operations.js';

/** ½ x (1 + erf(x / √2)) */
export function composedGelu(x: DeviceTensor): DeviceTensor {
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

/** dy · (Φ(x) + x φ(x)) */
export function composedGeluGradient(x: DeviceTensor, dy: DeviceTensor): DeviceTensor {
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

/** x + branch, in float32 */
export function composedAddBranch(x: DeviceTensor, branch: DeviceTensor): DeviceTensor {
  return deviceScope(() => add(x, cast(branch, 'float32')));
}

function standardised(
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

/** Rows to mean 0 and variance 1. */
export function composedStandardise(x: DeviceTensor, epsilon: number, type: ElementType): DeviceTensor {
  return deviceScope(() => cast(standardised(x, epsilon).rows, type));
}

/** residual + (dy − mean(dy) − y · mean(dy · y)) · factor, where y is x standardised */
export function composedStandardiseGradient(
  x: DeviceTensor,
  epsilon: number,
  dy: DeviceTensor,
  residual: DeviceTensor,
): DeviceTensor {
  return deviceScope(() => {
    const { rows, factors } = standardised(x, epsilon);
    const precise = cast(dy, 'float32');
    const projected = deviceScope(() => multiply(rows, rowMeans(multiply(precise, rows))));
    const centred = deviceScope(() =>
      subtract(
        deviceScope(() => subtract(precise, rowMeans(precise))),
        projected,
      ),
    );
    return add(residual, multiply(centred, factors));
  });
}

/** e^x / Σ e^x */
export function composedSoftmax(x: DeviceTensor): DeviceTensor {
  return execute('Softmax', [typeAttribute('T', x.type)], [x])[0]!;
}

/** a ⊙ (da − Σ da ⊙ a) */
export function composedSoftmaxGradient(softmax: DeviceTensor, gradient: DeviceTensor): DeviceTensor {
  return deviceScope(() => multiply(softmax, subtract(gradient, rowSums(multiply(gradient, softmax)))));
}
