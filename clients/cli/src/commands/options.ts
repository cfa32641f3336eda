/** Parsers of option values. */
import { failure } from '@hyperswap/errors';

/** Help of `--smooth`. */
export const smoothing =
  'smooth the map: pixels with similar spectra within about this distance vote for the class of a pixel, weighted by ' +
  'their confidence; 0: no smoothing';

const furthestReach = 1000;

/** Reads `--smooth`. @throws FIELD_INVALID */
export function smoothingReach(given: string): number {
  const reach = wholeNumber('--smooth', given);
  if (reach <= furthestReach) return reach;
  throw failure('FIELD_INVALID', { field: '--smooth', reason: `${reach} is more than ${furthestReach} pixels` });
}

/** Collects the values of a repeatable option. */
export function collect(value: string, all: readonly string[]): string[] {
  return [...all, value];
}

/** Reads `key=value` pairs. @throws FIELD_INVALID */
export function parseSettings(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((setting) => {
      const split = setting.indexOf('=');
      if (split < 1) throw failure('FIELD_INVALID', { field: '--set', reason: `${setting} is not key=value` });
      return [setting.slice(0, split), setting.slice(split + 1)];
    }),
  );
}

/** @param field named in the error @throws FIELD_INVALID */
export function wholeNumber(field: string, given: string): number {
  if (/^\d{1,9}$/.test(given)) return Number(given);
  throw failure('FIELD_INVALID', { field, reason: `${given} is not a whole number` });
}

/** Help of `--calibrate`. */
export const calibrationHelp =
  'calibrate the confidence, so that it equals the share of right pixels: held-back training pixels give the scale; ' +
  'takes about twice as long';
