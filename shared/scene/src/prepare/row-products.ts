/** Rows of `a` and of `b` that are taken at once: their twelve sums and the values they are made of fill a processor's registers. */
const tileRows = { a: 3, b: 4 } as const;

/** Rows rounded up to whole tiles, on either side. */
export function paddedRows(rows: number): number {
  const tile = tileRows.a * tileRows.b;
  return Math.ceil(rows / tile) * tile;
}

/**
 * Adds a · bᵀ to `target`: the inner product of every row of `a` with every row of `b`, in float64. Twice as fast as row by row, since a value that is
 * loaded serves three or four products.
 *
 * @param a `[rows, length]`, rows a multiple of 3
 * @param b `[rows, length]`, rows a multiple of 4
 * @param target `[rows of a, rows of b]`; where `b` is `a`, only what is on the diagonal and above is sure to be added
 */
export function addRowProducts(a: Float64Array, b: Float64Array, length: number, target: Float64Array): void {
  const rowsA = a.length / length;
  const rowsB = b.length / length;
  for (let i = 0; i < rowsA; i += tileRows.a) {
    const a0 = i * length;
    const a1 = a0 + length;
    const a2 = a1 + length;
    for (let j = a === b ? i - (i % tileRows.b) : 0; j < rowsB; j += tileRows.b) {
      const b0 = j * length;
      const b1 = b0 + length;
      const b2 = b1 + length;
      const b3 = b2 + length;
      let s00 = 0, s01 = 0, s02 = 0, s03 = 0; // prettier-ignore
      let s10 = 0, s11 = 0, s12 = 0, s13 = 0; // prettier-ignore
      let s20 = 0, s21 = 0, s22 = 0, s23 = 0; // prettier-ignore
      for (let k = 0; k < length; k++) {
        const y0 = b[b0 + k]!;
        const y1 = b[b1 + k]!;
        const y2 = b[b2 + k]!;
        const y3 = b[b3 + k]!;
        const x0 = a[a0 + k]!;
        s00 += x0 * y0;
        s01 += x0 * y1;
        s02 += x0 * y2;
        s03 += x0 * y3;
        const x1 = a[a1 + k]!;
        s10 += x1 * y0;
        s11 += x1 * y1;
        s12 += x1 * y2;
        s13 += x1 * y3;
        const x2 = a[a2 + k]!;
        s20 += x2 * y0;
        s21 += x2 * y1;
        s22 += x2 * y2;
        s23 += x2 * y3;
      }
      const sums = [s00, s01, s02, s03, s10, s11, s12, s13, s20, s21, s22, s23];
      for (let row = 0; row < tileRows.a; row++)
        for (let column = 0; column < tileRows.b; column++)
          target[(i + row) * rowsB + j + column]! += sums[row * tileRows.b + column]!;
    }
  }
}
