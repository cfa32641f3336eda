/** Characters of a detail that an error message repeats. */
export const echoedCharacters = 200;

/** Control characters, line and paragraph separators, lone surrogates, and marks that change the direction of text. */
const invisible = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Returns text as an error message shows it: control characters as escapes (`\u001b`), and the middle of a long text
 * replaced by an ellipsis, because the end of a path or of a reason often tells most.
 *
 * @param limit characters (code points) of the result
 */
export function shorten(text: string, limit = echoedCharacters): string {
  // An escape has one character or more for each UTF-16 unit, so that these ends hold all that can remain.
  const ends = text.length <= 4 * limit ? text : text.slice(0, 2 * limit) + text.slice(-2 * limit);
  const shown = Array.from(ends.replace(invisible, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`));
  if (shown.length <= limit) return shown.join('');
  const tail = Math.floor(limit / 3);
  return [...shown.slice(0, limit - tail - 1), '…', ...shown.slice(shown.length - tail)].join('');
}
