/** Class of a label raster. Its number is its place in a list, from 1. */
export interface MapClass {
  /** Value of its pixels in the raster. */
  readonly value: number;
  readonly name: string;
  /** Colour in the form 0xRRGGBB. */
  readonly color: number;
}

/** Returns red, green and blue, 0 to 255. */
export function channelsOf(color: number): readonly [number, number, number] {
  return [(color >> 16) & 0xff, (color >> 8) & 0xff, color & 0xff];
}
