import { failure } from '@hyperswap/errors';
import { DistinctColors } from './distinct-colors.js';

/** A land-cover class; its number is its place in a list, from 1. */
export interface LandCoverClass {
  readonly name: string;
  /** 0xRRGGBB. */
  readonly color: number;
  /** Value of the class in the label files that it comes from, and in maps; undefined means its number. */
  readonly code?: number | undefined;
}

/** Class in a request; the colour is optional. */
export type GivenClass = Omit<LandCoverClass, 'color'> & { readonly color?: number | undefined };

/** Maximum number of classes: labels are bytes, and 0 means no class. */
export const maximumClasses = 255;

const maximumNameLength = 100;
/** Control characters, line and paragraph separators, lone surrogates, and marks that change the direction of text. */
const invisible = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/**
 * Checks classes when a scene is prepared or an adapter is registered: up to 255 classes, each with a unique, printable
 * name and a colour of 24 bits; codes that are given are unique, too.
 *
 * @throws CLASSES_INVALID naming the class and the allowed values
 */
export function checkClasses(classes: readonly GivenClass[]): void {
  if (classes.length > maximumClasses) {
    throw invalid(`there are ${classes.length}; at most ${maximumClasses} are allowed`);
  }
  const numbers = new Map<string, number>();
  const codes = new Map<number, number>();
  for (const [index, { name, color, code }] of classes.entries()) {
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
    if (code === undefined) continue;
    if (!Number.isSafeInteger(code)) throw invalid(`the code of ${described} is ${code}; codes are whole numbers`);
    const other = codes.get(code);
    if (other !== undefined) throw invalid(`classes ${other} and ${number} both have the code ${code}`);
    codes.set(code, number);
  }
}

/**
 * Returns a name and a colour for every class up to `count` and keeps the given ones. Chosen colours are
 * as far as can be from all others.
 */
export function completeClasses(given: readonly GivenClass[], count: number): LandCoverClass[] {
  const colors = new DistinctColors(given.flatMap(({ color }) => color ?? []));
  return Array.from({ length: Math.max(given.length, count) }, (_, index) => {
    const { name = `class ${index + 1}`, color, code } = given[index] ?? {};
    return { name, color: color ?? colors.choose(index), ...(code !== undefined && { code }) };
  });
}

/** Red, green and blue of a colour, 0 to 255. */
export function redGreenBlue(color: number): [number, number, number] {
  return [(color >> 16) & 0xff, (color >> 8) & 0xff, color & 0xff];
}

function invalid(reason: string): Error {
  return failure('CLASSES_INVALID', { reason });
}
