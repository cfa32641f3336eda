/** Scaling of a scene's bands as MambaHSI's authors do it. */

/** Shares of a band's values that are cut off at either end. */
const [lowShare, highShare] = [0.02, 0.98];

/**
 * Stretches each band between its 2nd and 98th percentile over the pixels with data to 0 … 1, in 255ths. Pixels without
 * data are 0.
 *
 * @param values `[pixels, bands]`, also the result's shape
 * @param valid `[pixels]`, 1 for pixels with data
 */
export function stretchBands(values: Float32Array, valid: Uint8Array, bands: number): Float32Array {
  const pixels = Int32Array.from(valid.keys()).filter((pixel) => valid[pixel] === 1);
  const stretched = new Float32Array(values.length);
  const own = new Float32Array(pixels.length);
  for (let band = 0; band < bands; band++) {
    pixels.forEach((pixel, i) => (own[i] = values[pixel * bands + band]!));
    const sorted = own.slice().sort();
    const [low, high] = [percentile(sorted, lowShare), percentile(sorted, highShare)];
    const range = high > low ? high - low : 1;
    pixels.forEach((pixel, i) => {
      const share = Math.min(1, Math.max(0, (own[i]! - low) / range));
      stretched[pixel * bands + band] = Math.floor(255 * share) / 255;
    });
  }
  return stretched;
}

/** Returns a percentile with linear interpolation between neighbours, as NumPy's. */
function percentile(sorted: Float32Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const [low, high] = [sorted[below]!, sorted[Math.min(sorted.length - 1, below + 1)]!];
  return low + (high - low) * (at - below);
}
