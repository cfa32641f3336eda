/** Halving of rows for overviews. Pixels without data, which are 0 in all bands, do not count. */

/** Makes one row of two: half as wide, rounded up. @param below equals `above` where the raster ends */
export type Reduction = (above: Uint8Array, below: Uint8Array, width: number, bands: number) => Uint8Array;

export const reductions = { mode: modeOfFour, mean: meanOfFour } as const satisfies Record<string, Reduction>;

/** Most frequent of each 2 × 2 values; of equally frequent ones the first from the top left. */
function modeOfFour(above: Uint8Array, below: Uint8Array, width: number): Uint8Array {
  const half = new Uint8Array(Math.ceil(width / 2));
  for (let x = 0; x < half.length; x++) {
    const left = 2 * x;
    const right = Math.min(left + 1, width - 1);
    half[x] = mode(above[left]!, above[right]!, below[left]!, below[right]!);
  }
  return half;
}

function mode(a: number, b: number, c: number, d: number): number {
  if (a !== 0 && (a === b || a === c || a === d)) return a;
  if (b !== 0 && (b === c || b === d)) return b;
  if (c !== 0 && c === d) return c;
  return a || b || c || d;
}

/** Mean of the 2 × 2 pixels that hold data, rounded. */
function meanOfFour(above: Uint8Array, below: Uint8Array, width: number, bands: number): Uint8Array {
  const half = new Uint8Array(Math.ceil(width / 2) * bands);
  const sums = new Float64Array(bands);
  for (let x = 0; 2 * x < width; x++) {
    let count = 0;
    sums.fill(0);
    for (const column of [2 * x, Math.min(2 * x + 1, width - 1)]) {
      for (const row of [above, below]) {
        let hasData = false;
        for (let band = 0; band < bands; band++) {
          const value = row[column * bands + band]!;
          hasData ||= value !== 0;
          sums[band]! += value;
        }
        if (hasData) count += 1;
      }
    }
    if (count > 0) for (let band = 0; band < bands; band++) half[x * bands + band] = Math.round(sums[band]! / count);
  }
  return half;
}
