import { failure } from '@hyperswap/errors';

/**
 * Letters, digits, dots, anchors, classes, groups and alternatives, repeated or not: the same in Python and JavaScript.
 */
const readable = /^(?:[\w.^$|()+*?-]|\\[dw.]|\[[\w-]+\])*$/;
/** A repeated group takes exponential time on a name that does not match. */
const repeatedGroup = /\)[+*?]|[+*?]{2}|\(\?/;
/** Each repetition multiplies the time by the length of a module's name, about 20. */
const maximumRepetitions = 3;

/**
 * Checks a key of a pattern, which is a regular expression of unknown origin.
 *
 * @param file named in errors
 * @throws PEFT_UNSUPPORTED when it is not one of those that are read
 */
export function checkPattern(file: string, key: string): void {
  const repetitions = key.replaceAll(/\\./g, '').match(/[+*?]/g)?.length ?? 0;
  if (readable.test(key) && !repeatedGroup.test(key) && repetitions <= maximumRepetitions && compiles(key)) return;
  throw failure('PEFT_UNSUPPORTED', {
    file,
    reason: `the key ${JSON.stringify(key)} of a pattern is a regular expression that is not read`,
    mend: 'Name modules in rank_pattern and alpha_pattern, as "blocks.0.attn.q", or with at most three repetitions, as "blocks.\\d+.attn.q"',
  });
}

/**
 * Returns a pattern's value for a module. Keys are regular expressions for the end of the module's name, as PEFT
 * matches them.
 */
export function byPattern(
  patterns: Readonly<Record<string, number>> | null | undefined,
  module: string,
): number | undefined {
  const found = Object.entries(patterns ?? {}).find(([key]) => expression(key).test(module));
  return found?.[1];
}

function expression(key: string): RegExp {
  return new RegExp(`^(?:.*\\.)?(?:${key})$`);
}

function compiles(key: string): boolean {
  try {
    expression(key);
    return true;
  } catch {
    return false;
  }
}
