/** Colours of classes and of confidence. */

/** Returns a colour as CSS. @param color 0xRRGGBB */
export function cssColor(color: number | undefined): string {
  return `#${(color ?? 0x888888).toString(16).padStart(6, '0')}`;
}

/** Returns a colour as a pixel of a canvas, little-endian RGBA. @param alpha 0 to 255 */
export function pixelColor(color: number, alpha = 255): number {
  return ((alpha << 24) | ((color & 0xff) << 16) | (color & 0xff00) | (color >> 16)) >>> 0;
}

/** Points of matplotlib's viridis, which is perceptually uniform and safe for colour-blind readers. */
const viridis = [0x440154, 0x414487, 0x2a788e, 0x22a884, 0x7ad151, 0xfde725];

/** Returns the colour of each confidence, 0 to 255, as pixels of a canvas; 0 is no data. */
export function confidenceColors(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, value) => {
    if (value === 0) return 0;
    const position = (value / 255) * (viridis.length - 1);
    const index = Math.min(Math.floor(position), viridis.length - 2);
    const [low, high, rest] = [viridis[index]!, viridis[index + 1]!, position - index];
    const mixed = [16, 8, 0].reduce((color, shift) => {
      const [from, to] = [(low >> shift) & 0xff, (high >> shift) & 0xff];
      return color | (Math.round(from + (to - from) * rest) << shift);
    }, 0);
    return pixelColor(mixed);
  });
}

/** Returns the CSS of the scale of confidence. */
export const confidenceScale = viridis.map((color) => cssColor(color));
