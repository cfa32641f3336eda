import { CompensatedSums } from '../linear/compensated-sums.js';
import { paddedRows, RowProducts } from '../linear/row-products.js';
import type { StoredArray } from '../layout.js';
import type { PixelRule } from './valid-pixels.js';

/** Coordinates in which a covariance is summed: those of the good bands, less an origin, perhaps rotated. */
export interface Coordinates {
  /** Spectrum that is subtracted, `[good bands]`: near the mean, which keeps the sums of products small. */
  readonly origin: Float64Array;
  /** Rows of an orthonormal basis, `[good bands, good bands]`; absent for the bands themselves. */
  readonly basis?: Float64Array | undefined;
}

/** Partial sums of a covariance over some pixels. They can be sent to another thread. */
export interface CovarianceSums {
  readonly count: number;
  /** Sums of the coordinates, `[good bands]`. */
  readonly sums: Pick<CompensatedSums, 'high' | 'low'>;
  /** Sums of products, `[padded good bands, padded good bands]`: the diagonal and what is above it. */
  readonly products: Pick<CompensatedSums, 'high' | 'low'>;
}

/** Pixels whose products are summed at once, in order, before they are added to the rest. */
const groupPixels = 256;

/** Working memory of a thread that sums covariances: about 3 · bands² · 8 bytes. */
export class CovarianceKernel {
  private readonly bands: number;
  private readonly group: RowProducts;
  private readonly rotation: RowProducts | undefined;

  constructor(
    private readonly rule: PixelRule,
    private readonly coordinates: Coordinates,
  ) {
    this.bands = rule.goodBands.length;
    this.group = new RowProducts(this.bands, groupPixels);
    if (coordinates.basis === undefined) return;
    this.rotation = new RowProducts(this.bands, this.bands, groupPixels);
    const { a, length } = this.rotation;
    for (let row = 0; row < this.bands; row++) {
      a.set(coordinates.basis.subarray(row * this.bands, (row + 1) * this.bands), row * length);
    }
  }

  /**
   * Adds the pixels of a block to sums.
   *
   * @param values `[pixels, bands]` row by row
   * @param mask `[pixels]`: 1 for those that count
   */
  add(values: StoredArray, mask: Uint8Array, target: CovarianceAccumulator): void {
    const { group, bands } = this;
    const sums = new Float64Array(bands);
    const starts: number[] = [];
    group.target.fill(0);
    for (let pixel = 0; pixel < mask.length; pixel++) {
      if (mask[pixel] === 1) starts.push(pixel * this.rule.bands);
      if (starts.length < groupPixels && pixel < mask.length - 1) continue;
      if (starts.length === 0) continue;
      if (this.rotation === undefined) this.gather(values, starts);
      else this.rotate(values, starts, this.rotation);
      for (let band = 0; band < bands; band++) {
        let sum = 0;
        for (let i = 0; i < starts.length; i++) sum += group.a[band * groupPixels + i]!;
        sums[band]! += sum;
      }
      group.add();
      target.count += starts.length;
      starts.length = 0;
    }
    target.sums.add(sums);
    target.products.add(group.target);
  }

  /** Writes pixels to the group, band by band. */
  private gather(values: StoredArray, starts: readonly number[]): void {
    const { a } = this.group;
    const { goodBands } = this.rule;
    const { origin } = this.coordinates;
    if (starts.length < groupPixels) a.fill(0);
    for (let band = 0; band < this.bands; band++) {
      const from = goodBands[band]!;
      const zero = origin[band]!;
      for (let i = 0; i < starts.length; i++) a[band * groupPixels + i] = values[starts[i]! + from]! - zero;
    }
  }

  /** Writes rotated pixels to the group, coordinate by coordinate. */
  private rotate(values: StoredArray, starts: readonly number[], rotation: RowProducts): void {
    const { goodBands } = this.rule;
    const { origin } = this.coordinates;
    const { b, length, target } = rotation;
    if (starts.length < groupPixels) b.fill(0);
    for (let i = 0; i < starts.length; i++) {
      for (let band = 0; band < this.bands; band++) {
        b[i * length + band] = values[starts[i]! + goodBands[band]!]! - origin[band]!;
      }
    }
    target.fill(0);
    rotation.add();
    const stride = paddedRows(groupPixels);
    for (let row = 0; row < this.bands; row++) {
      this.group.a.set(target.subarray(row * stride, row * stride + groupPixels), row * groupPixels);
    }
  }
}

/** Sums of a covariance, taken block by block. */
export class CovarianceAccumulator implements CovarianceSums {
  count = 0;
  readonly sums: CompensatedSums;
  readonly products: CompensatedSums;

  /** @param bands good ones */
  constructor(readonly bands: number) {
    this.sums = new CompensatedSums(bands);
    this.products = new CompensatedSums(paddedRows(bands) ** 2);
  }

  /** Adds sums of other pixels in the same coordinates. */
  merge({ count, sums, products }: CovarianceSums): void {
    this.count += count;
    this.sums.merge(sums);
    this.products.merge(products);
  }

  /**
   * Returns the covariance, with n − 1 in the denominator.
   *
   * @returns `[bands, bands]` row by row, symmetric
   */
  covariance(): Float64Array {
    const { bands, count } = this;
    const stride = paddedRows(bands);
    const { high: productsHigh, low: productsLow } = this.products;
    const sums = this.sums.total();
    const covariance = new Float64Array(bands * bands);
    const degrees = Math.max(1, count - 1);
    for (let a = 0; a < bands; a++) {
      for (let b = a; b < bands; b++) {
        const place = a * stride + b;
        const value = (productsHigh[place]! - (sums[a]! * sums[b]!) / count + productsLow[place]!) / degrees;
        covariance[a * bands + b] = value;
        covariance[b * bands + a] = value;
      }
    }
    return covariance;
  }
}

/** Returns the mean of the pixels that were summed, `[good bands]`. */
export function meanOf(sums: CovarianceAccumulator, { origin, basis }: Coordinates): Float64Array {
  const { bands, count } = sums;
  const shift = sums.sums.total().map((sum) => sum / count);
  return origin.map((zero, band) => {
    if (basis === undefined) return zero + shift[band]!;
    let value = 0;
    for (let row = 0; row < bands; row++) value += shift[row]! * basis[row * bands + band]!;
    return zero + value;
  });
}
