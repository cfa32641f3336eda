import { failure } from '@hyperswap/errors';

/** A land-cover class; its number is its place in a list, from 1. */
export interface LandCoverClass {
  readonly name: string;
  /** 0xRRGGBB. */
  readonly color: number;
}

/** Class in a request; the colour is optional. */
export type GivenClass = Omit<LandCoverClass, 'color'> & { readonly color?: number | undefined };

/** Maximum number of classes: labels are bytes, and 0 means no class. */
export const maximumClasses = 255;

const maximumNameLength = 100;
/** Control characters, line and paragraph separators, lone surrogates, and marks that change the direction of text. */
const invisible = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** Distinct colours for classes without a colour, dark ones first. */
const palette = [
  0x1f77b4, 0xff7f0e, 0x2ca02c, 0xd62728, 0x9467bd, 0x8c564b, 0xe377c2, 0xbcbd22, 0x17becf, 0xaec7e8, 0xffbb78,
  0x98df8a, 0xff9896, 0xc5b0d5, 0xc49c94, 0xf7b6d2, 0xdbdb8d, 0x9edae5, 0x7f7f7f, 0x393b79,
];

/**
 * Checks classes when a scene is prepared or an adapter is registered: up to 255 classes, each with a unique, printable
 * name and a colour of 24 bits.
 *
 * @throws CLASSES_INVALID naming the class and the allowed values
 */
export function checkClasses(classes: readonly GivenClass[]): void {
  if (classes.length > maximumClasses) {
    throw invalid(`there are ${classes.length}; labels tell ${maximumClasses} apart`);
  }
  const numbers = new Map<string, number>();
  for (const [index, { name, color }] of classes.entries()) {
    const number = index + 1;
    const described = `class ${number}`;
    if (name.trim() === '') throw invalid(`${described} has no name`);
    if (name.length > maximumNameLength) {
      throw invalid(`the name of ${described} has ${name.length} characters; up to ${maximumNameLength} are allowed`);
    }
    if (invisible.test(name)) {
      throw invalid(`the name of ${described} (${name}) holds control characters or marks that cannot be seen`);
    }
    const first = numbers.get(name);
    if (first !== undefined) throw invalid(`classes ${first} and ${number} are both called ${name}`);
    numbers.set(name, number);
    if (color !== undefined && !(Number.isInteger(color) && color >= 0 && color <= 0xffffff)) {
      throw invalid(`the colour of ${described} is ${color}; colours are 0xRRGGBB, from 0 to 16777215`);
    }
  }
}

/**
 * Returns a name and a colour for every class up to `count` and keeps the given ones. Chosen colours differ from all
 * others.
 */
export function completeClasses(given: readonly GivenClass[], count: number): LandCoverClass[] {
  const named = Array.from({ length: Math.max(given.length, count) }, (_, index) => ({
    name: given[index]?.name ?? `class ${index + 1}`,
    color: given[index]?.color,
  }));
  const used = new Set(named.flatMap(({ color }) => color ?? []));
  return named.map(({ name, color }, index) => {
    if (color !== undefined) return { name, color };
    const chosen = unusedColor(index, used);
    used.add(chosen);
    return { name, color: chosen };
  });
}

/** Red, green and blue of a colour, 0 to 255. */
export function redGreenBlue(color: number): [number, number, number] {
  return [(color >> 16) & 0xff, (color >> 8) & 0xff, color & 0xff];
}

/** Returns the palette's colour of a class, or a colour past the palette if that one is taken. */
function unusedColor(index: number, used: ReadonlySet<number>): number {
  for (let step = index; ; step++) {
    const color = palette[step] ?? colorPastPalette(step - palette.length);
    if (!used.has(color)) return color;
  }
}

/**
 * Returns colours that are as far apart as their number allows: hues by the golden angle, each turn darker or paler.
 */
function colorPastPalette(index: number): number {
  const hue = (index * 137.508) % 360;
  const lightness = 0.35 + 0.1 * (index % 4);
  const saturation = 0.45 + 0.15 * (Math.floor(index / 4) % 4);
  const channel = (offset: number): number => {
    const position = (offset + hue / 30) % 12;
    const share =
      lightness -
      saturation * Math.min(lightness, 1 - lightness) * Math.max(-1, Math.min(position - 3, 9 - position, 1));
    return Math.round(255 * share);
  };
  return (channel(0) << 16) | (channel(8) << 8) | channel(4);
}

function invalid(reason: string): Error {
  return failure('CLASSES_INVALID', { reason });
}
