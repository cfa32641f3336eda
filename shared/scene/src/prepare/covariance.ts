import type { NumericArray } from '@hyperswap/raster';
import { paddedRows, RowProducts } from './row-products.js';

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
    const { sums, products } = accumulator;
    const bands = shift.length;
    const pixels = values.length / bands;
    // Blocks of pixels, band-major, so that the products run over memory in order.
    const blockSize = 256;
    const own = new RowProducts(bands, blockSize);
    for (let start = 0; start < pixels; start += blockSize) {
      const size = Math.min(blockSize, pixels - start);
      if (size < blockSize) own.a.fill(0);
      for (let band = 0; band < bands; band++) {
        const origin = shift[band]!;
        let sum = 0;
        for (let i = 0, from = start * bands + band; i < size; i++, from += bands) {
          const value = values[from]! - origin;
          own.a[band * blockSize + i] = value;
          sum += value;
        }
        sums[band]! += sum;
      }
      own.add();
    }
    products.set(own.target);
    accumulator.count = pixels;
    return accumulator;
  }

  /** Adds what was taken from other pixels, with the same shift. */
  merge({ count, sums, products }: CovarianceSums): void {
    this.count += count;
    sums.forEach((sum, band) => (this.sums[band]! += sum));
    products.forEach((product, index) => (this.products[index]! += product));
  }
}
