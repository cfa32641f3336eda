/** A land-cover class; its number is its place in a list, from 1. */
export interface LandCoverClass {
  readonly name: string;
  /** 0xRRGGBB. */
  readonly color: number;
}

/** Distinct colours for classes that bring none, dark ones first. */
const palette = [
  0x1f77b4, 0xff7f0e, 0x2ca02c, 0xd62728, 0x9467bd, 0x8c564b, 0xe377c2, 0xbcbd22, 0x17becf, 0xaec7e8, 0xffbb78,
  0x98df8a, 0xff9896, 0xc5b0d5, 0xc49c94, 0xf7b6d2, 0xdbdb8d, 0x9edae5, 0x7f7f7f, 0x393b79,
];

/** Class as a caller gives it, perhaps without a colour. */
export type GivenClass = Omit<LandCoverClass, 'color'> & { readonly color?: number | undefined };

/** Returns a name and a colour for every class up to `count`, keeping those that are given. */
export function completeClasses(given: readonly GivenClass[], count: number): LandCoverClass[] {
  return Array.from({ length: Math.max(given.length, count) }, (_, index) => ({
    name: given[index]?.name ?? `class ${index + 1}`,
    color: given[index]?.color ?? palette[index % palette.length]!,
  }));
}

/** Red, green and blue of a colour, 0 to 255. */
export function redGreenBlue(color: number): [number, number, number] {
  return [(color >> 16) & 0xff, (color >> 8) & 0xff, color & 0xff];
}
