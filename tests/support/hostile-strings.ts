const halfPair = 'half of a surrogate pair';

/** Texts that a caller may send where a name, an id or a key is expected, by what is wrong with them. */
export const hostileKeys: Readonly<Record<string, string>> = {
  empty: '',
  'the parent': '..',
  'the folder itself': '.',
  'another bucket': '../trainings/x',
  'outside the home': '../../../outside/victim',
  'parent in the middle': 'a/../../../outside/victim',
  'parent at the end': 'a/..',
  backslashes: '..\\..\\outside\\victim',
  'encoded parent': '%2e%2e%2foutside',
  absolute: '/tmp/outside',
  'a drive': 'c:/outside',
  'an empty part': 'a//b',
  'a slash at the end': 'a/',
  'hidden file': '.hidden',
  NUL: 'a\0b',
  'control character': 'a\u0007b',
  'line break': 'a\r\nNats-Msg-Id: b',
  'space at the end': 'a ',
  'dot at the end': 'a.',
  'two dots inside': 'a..b',
  'a device of Windows': 'con',
  'a device of Windows with an ending': 'lpt1.json',
  'capital letters': 'Adapter',
  'letters with two forms': 'caf\u00e9',
  'combining character': 'cafe\u0301',
  'full-width dots': '\uff0e\uff0e/x',
  'direction override': 'a\u202eb',
  'zero-width space': 'a\u200bb',
  [halfPair]: 'a\ud800',
  'wildcard of one token': '*',
  'wildcard of all tokens': '>',
  'wildcard inside': 'training.>',
  'staged file': '.0c5e9c1e-2f0c-4f43-9d4e-2f6f3d2b8f11',
  prototype: '__proto__',
  'equals sign': 'a=b',
  'too long': 'a'.repeat(129),
  'far too long': 'a'.repeat(2_000_000),
};

/** Bytes that stand for the text in a request, and are replaced by others that are no UTF-8. */
export const notUtf8 = 'NO-UTF-8';

/**
 * Texts that a caller may send in any field. Protobuf has no way to write half of a surrogate pair; `no UTF-8` takes
 * its place.
 */
export const hostileTexts: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(hostileKeys).filter(([kind]) => kind !== halfPair)),
  'object member': 'constructor',
  'method of objects': 'toString',
  dot: '.',
  'format directives': '%s%n%x%p'.repeat(10),
  'shell command': '$(touch outside);`touch outside`|touch outside',
  markup: '"><script>alert(1)</script>',
  'JSON that is deep': '['.repeat(100_000),
  'JSON object': '{"__proto__":{"x":1}}',
  'adapter of another folder': '../../backbones/x@1',
  'alias of another folder': 'toy:../../x',
  'version that is no number': 'toy@1e9',
  'largest version': 'toy@999999999999999999999999',
  'not a number': 'NaN',
  'too large a number': '1e400',
  'negative number': '-1',
  'web address': 'http://127.0.0.1:1/x',
  'file address': 'file:///etc/passwd',
  'device file': '/dev/zero',
  'emoji family': '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}'.repeat(1000),
  'marks without end': `a${'\u0301'.repeat(10_000)}`,
  'no UTF-8': notUtf8,
};
