/**
 * Products of rows in float64, two values at a time, as WebAssembly: AssemblyScript, which `npm run build` compiles
 * beside `src/linear/row-products.ts`. No fused multiply-add and one order of sums, so that every machine gets the same
 * bits.
 */

/**
 * Rows of `a` and of `b` that are taken at once: their nine sums and the values they are made of fit a processor's
 * sixteen registers.
 */
const tile: i32 = 3;

/** Adds both lanes of a sum to a float64 in memory. */
function addLanes(at: usize, sum: v128): void {
  store<f64>(at, load<f64>(at) + f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1));
}

/**
 * Adds the inner product of every row of `a` with every row of `b` to `target`.
 *
 * @param a address of `[rowsA, length]` float64, rows a multiple of 3, length even
 * @param b likewise; where it is `a`, tiles under the diagonal are left out
 * @param target address of `[rowsA, rowsB]`
 */
export function addRowProducts(a: usize, rowsA: i32, b: usize, rowsB: i32, length: i32, target: usize): void {
  const bytes = (<usize>length) << 3;
  const line = (<usize>rowsB) << 3;
  for (let i = 0; i < rowsA; i += tile) {
    const a0 = a + <usize>i * bytes;
    const a1 = a0 + bytes;
    const a2 = a1 + bytes;
    for (let j = a == b ? i : 0; j < rowsB; j += tile) {
      const b0 = b + <usize>j * bytes;
      const b1 = b0 + bytes;
      const b2 = b1 + bytes;
      let s00 = f64x2.splat(0);
      let s01 = f64x2.splat(0);
      let s02 = f64x2.splat(0);
      let s10 = f64x2.splat(0);
      let s11 = f64x2.splat(0);
      let s12 = f64x2.splat(0);
      let s20 = f64x2.splat(0);
      let s21 = f64x2.splat(0);
      let s22 = f64x2.splat(0);
      for (let k: usize = 0; k < bytes; k += 16) {
        const y0 = v128.load(b0 + k);
        const y1 = v128.load(b1 + k);
        const y2 = v128.load(b2 + k);
        const x0 = v128.load(a0 + k);
        s00 = f64x2.add(s00, f64x2.mul(x0, y0));
        s01 = f64x2.add(s01, f64x2.mul(x0, y1));
        s02 = f64x2.add(s02, f64x2.mul(x0, y2));
        const x1 = v128.load(a1 + k);
        s10 = f64x2.add(s10, f64x2.mul(x1, y0));
        s11 = f64x2.add(s11, f64x2.mul(x1, y1));
        s12 = f64x2.add(s12, f64x2.mul(x1, y2));
        const x2 = v128.load(a2 + k);
        s20 = f64x2.add(s20, f64x2.mul(x2, y0));
        s21 = f64x2.add(s21, f64x2.mul(x2, y1));
        s22 = f64x2.add(s22, f64x2.mul(x2, y2));
      }
      const row0 = target + <usize>i * line + ((<usize>j) << 3);
      const row1 = row0 + line;
      const row2 = row1 + line;
      addLanes(row0, s00);
      addLanes(row0 + 8, s01);
      addLanes(row0 + 16, s02);
      addLanes(row1, s10);
      addLanes(row1 + 8, s11);
      addLanes(row1 + 16, s12);
      addLanes(row2, s20);
      addLanes(row2 + 8, s21);
      addLanes(row2 + 16, s22);
    }
  }
}
