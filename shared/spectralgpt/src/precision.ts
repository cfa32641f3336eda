/** Choice of the number format that a backbone runs in. */
import { failure } from '@hyperswap/errors';
import { chooseKernels, usesGpu, type FloatPrecision, type NumberFormat, type Precision } from '@hyperswap/tensor';

/**
 * Requested precision. `auto` is the one that this machine runs fastest; bfloat16 and int8 have to be clearly faster.
 */
export type PrecisionChoice = NumberFormat | 'auto';

/** Returns the number format of a precision, without the layout of its layers. */
export function numberFormat(precision: Precision): NumberFormat {
  return precision === 'packed-bfloat16' ? 'bfloat16' : precision;
}

/** Bytes of one weight of a block's layer. */
export const bytesPerWeight: Readonly<Record<Precision, number>> = {
  float32: 4,
  bfloat16: 2,
  'packed-bfloat16': 2,
  int8: 1,
};

/**
 * Largest `int8Error` of a backbone that `auto` serves in int8. Adapters on backbones below it keep at least 99.5 % of
 * float32's labels (docs/benchmarks.md).
 */
export const int8ErrorLimit = 0.02;

/** Returns the precision for a backbone that serves. @throws FIELD_INVALID for int8 on a GPU */
export function servingPrecision(choice: PrecisionChoice): Precision {
  if (choice === 'int8' && usesGpu()) {
    throw failure('FIELD_INVALID', { field: 'precision', reason: 'int8 runs on processors only; take auto on a GPU' });
  }
  if (choice === 'float32' || choice === 'int8') return choice;
  const { serving, servingBfloat16 } = chooseKernels();
  return choice === 'auto' ? serving : servingBfloat16;
}

/** Returns the precision for a backbone that learns. int8 has no gradient: `auto`'s choice replaces it. */
export function learningPrecision(choice: PrecisionChoice): FloatPrecision {
  return choice === 'auto' || choice === 'int8' ? chooseKernels().precision : choice;
}
