/**
 * Index inside `[0, size)` that `index` falls on when a raster is mirrored at its border pixels (NumPy's `reflect`).
 */
export function reflect(index: number, size: number): number {
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const folded = ((index % period) + period) % period;
  return folded < size ? folded : period - folded;
}
