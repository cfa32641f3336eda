import type { NumericArray } from '../read/array.js';
import { addRowProducts, paddedRows } from './row-products.js';

/** What a part of the pixels adds to a PCA. */
export interface CovarianceSums {
  readonly count: number;
  /** `[bands]` */
  readonly sums: Float64Array;
  /** `[padded bands, padded bands]`, the upper triangle. */
  readonly products: Float64Array;
}

/**
 * Sums that a PCA needs, taken block by block, in any threads, and merged.
 * One pixel is subtracted from all, which keeps the sums of products small and exact enough in float64.
 */
export class CovarianceAccumulator implements CovarianceSums {
  count = 0;
  readonly sums: Float64Array;
  readonly products: Float64Array;

  /** @param shift the pixel that is subtracted, `[bands]`; any of the scene's */
  constructor(readonly shift: Float64Array) {
    this.sums = new Float64Array(shift.length);
    this.products = new Float64Array(paddedRows(shift.length) ** 2);
  }

  /** What some pixels add, `[pixels, bands]` row by row. */
  static of(values: NumericArray, shift: Float64Array): CovarianceAccumulator {
    const accumulator = new CovarianceAccumulator(shift);
    accumulator.add(values);
    return accumulator;
  }

  /** Adds what was taken from other pixels, with the same shift. */
  merge({ count, sums, products }: CovarianceSums): void {
    this.count += count;
    sums.forEach((sum, band) => (this.sums[band]! += sum));
    products.forEach((product, index) => (this.products[index]! += product));
  }

  private add(values: NumericArray): void {
    const { shift, sums, products } = this;
    const bands = shift.length;
    const pixels = values.length / bands;
    // Blocks of pixels, band-major, so that the inner loop runs over memory in order.
    const blockSize = 256;
    const block = new Float64Array(paddedRows(bands) * blockSize);
    for (let start = 0; start < pixels; start += blockSize) {
      const size = Math.min(blockSize, pixels - start);
      if (size < blockSize) block.fill(0);
      for (let i = 0; i < size; i++) {
        const first = (start + i) * bands;
        for (let band = 0; band < bands; band++) {
          const value = values[first + band]! - shift[band]!;
          block[band * blockSize + i] = value;
          sums[band]! += value;
        }
      }
      addRowProducts(block, block, blockSize, products);
    }
    this.count += pixels;
  }
}
