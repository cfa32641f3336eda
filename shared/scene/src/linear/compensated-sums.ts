/**
 * Sums in float64 whose rounding errors are summed too (Kahan and Babuška, as improved by Neumaier 1974): the result is
 * as exact as if it were summed with twice the digits.
 */
export class CompensatedSums {
  readonly high: Float64Array;
  readonly low: Float64Array;

  /** @param from sums to continue with; zeros without them */
  constructor(size: number, from?: Pick<CompensatedSums, 'high' | 'low'>) {
    this.high = from?.high ?? new Float64Array(size);
    this.low = from?.low ?? new Float64Array(size);
  }

  /** Adds a value to each sum. */
  add(values: Float64Array): void {
    const { high, low } = this;
    for (let i = 0; i < high.length; i++) {
      const before = high[i]!;
      const value = values[i]!;
      const sum = before + value;
      const added = sum - before;
      low[i]! += before - (sum - added) + (value - added);
      high[i] = sum;
    }
  }

  /** Adds other sums to these. */
  merge({ high, low }: Pick<CompensatedSums, 'high' | 'low'>): void {
    this.add(high);
    for (let i = 0; i < low.length; i++) this.low[i]! += low[i]!;
  }

  /** Returns the sums. */
  total(): Float64Array {
    return this.high.map((sum, i) => sum + this.low[i]!);
  }
}
