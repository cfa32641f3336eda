/** Conversion of a checkpoint's position tables to a backbone with another number of tokens. */

/** Keys' cubic convolution with a = −0.75, as PyTorch takes it. */
function cubic(distance: number): number {
  const a = -0.75;
  const x = Math.abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

/**
 * Bicubic interpolation in one dimension, half-pixel centres, edges repeated, no antialias:
 * `torch.nn.functional.interpolate(mode="bicubic", align_corners=False)`.
 *
 * @returns the weights, `[to, from]` row by row
 */
export function bicubicWeights(from: number, to: number): Float64Array {
  const weights = new Float64Array(to * from);
  for (let i = 0; i < to; i++) {
    const position = ((i + 0.5) * from) / to - 0.5;
    const whole = Math.floor(position);
    for (let tap = whole - 1; tap <= whole + 2; tap++) {
      const source = Math.min(from - 1, Math.max(0, tap));
      weights[i * from + source]! += cubic(position - tap);
    }
  }
  return weights;
}

/**
 * Resizes a square grid of vectors.
 *
 * @param table `[from · from, width]`, row by row
 * @returns `[to · to, width]`
 */
export function resizeGrid(table: Float32Array, from: number, to: number, width: number): Float32Array {
  if (from === to) return table;
  const weights = bicubicWeights(from, to);
  const result = new Float32Array(to * to * width);
  for (let y = 0; y < to; y++)
    for (let x = 0; x < to; x++)
      for (let row = 0; row < from; row++)
        for (let column = 0; column < from; column++) {
          const weight = weights[y * from + row]! * weights[x * from + column]!;
          if (weight === 0) continue;
          const source = (row * from + column) * width;
          const target = (y * to + x) * width;
          for (let i = 0; i < width; i++) result[target + i]! += weight * table[source + i]!;
        }
  return result;
}

/**
 * One table over all tokens out of the two that pretraining has: token (g, y, x) gets spatial (y, x) plus temporal (g).
 *
 * @param spatial `[side · side, width]`
 * @param temporal `[groups, width]`
 * @returns `[groups · side · side, width]`
 */
export function foldPositions(spatial: Float32Array, temporal: Float32Array, width: number): Float32Array {
  const groups = temporal.length / width;
  const result = new Float32Array(groups * spatial.length);
  for (let group = 0; group < groups; group++)
    for (let i = 0; i < spatial.length; i++)
      result[group * spatial.length + i] = spatial[i]! + temporal[group * width + (i % width)]!;
  return result;
}
