/** Returns the pixels whose mask is 1, in ascending order. */
export function pixelsWithData(mask: Uint8Array): Int32Array {
  const pixels = new Int32Array(mask.reduce((sum, isValid) => sum + isValid, 0));
  let count = 0;
  mask.forEach((isValid, pixel) => {
    if (isValid === 1) pixels[count++] = pixel;
  });
  return pixels;
}
