import { failure, shorten } from '@hyperswap/errors';

const shownCharacters = 120;

/**
 * Reads the setting of allowed beginnings of URLs.
 *
 * @param setting URLs of http or https separated by commas; one whose path does not end in a slash names a folder, or a
 * single file
 * @throws CONFIG_INVALID
 */
export function parseSceneUrls(setting: string): readonly URL[] {
  const given = setting.split(',').map((part) => part.trim());
  return given
    .filter((part) => part !== '')
    .map((part) => {
      const reason = whyNoSceneUrl(part);
      if (reason === undefined) return new URL(part);
      const allowed = `URLs of http or https, separated by commas; one of them is wrong: ${reason}`;
      throw failure('CONFIG_INVALID', { key: 'sceneUrls', value: nameOfUrl(part), allowed });
    });
}

/**
 * Returns the URL of a scene, if the operator allows it: scheme, host and port are those of an allowed beginning, and
 * the path continues behind a slash. Paths that a server may read in two ways are refused, so that none leaves the
 * allowed folder.
 *
 * @throws SCENE_SOURCE_REFUSED
 */
export function requireAllowedUrl(source: string, allowed: readonly URL[]): URL {
  const refuse = (reason: string): Error => failure('SCENE_SOURCE_REFUSED', { source: nameOfUrl(source), reason });
  const reason = whyNoSceneUrl(source);
  if (reason !== undefined) throw refuse(reason);
  const url = new URL(source);
  const isAllowed = allowed.some(({ origin, pathname }) => {
    const folder = pathname.endsWith('/') ? pathname : `${pathname}/`;
    return origin === url.origin && (url.pathname === pathname || url.pathname.startsWith(folder));
  });
  if (isAllowed) return url;
  throw refuse(
    allowed.length === 0 ? 'the operator allows no URLs' : 'it does not begin as any URL that the operator allows',
  );
}

/** Returns a URL as messages show it: shortened, without user, password and query, which may hold secrets. */
export function nameOfUrl(text: string): string {
  const bare = text.replace(/[?#].*$/s, '').replace(/^([a-z]+:)?([/\\]*)[^/\\]*@/i, '$1$2');
  return shorten(bare, shownCharacters);
}

function whyNoSceneUrl(text: string): string | undefined {
  // The URL parser would normalise these, and a server may interpret the rest differently.
  if (/[\\\s\p{Cc}]/u.test(text)) return 'a URL has no spaces and backslashes';
  if (!/^https?:\/\/[^/]/i.test(text)) return 'it is not a URL of http or https';
  if (text.includes('..') || /%(2e|2f|5c|25|0[0-9a-f]|1[0-9a-f]|7f)/i.test(text)) {
    return 'it holds "..", or an encoded dot, slash, backslash, percent or control character';
  }
  if (/[?#]/.test(text)) return 'it has a query or a fragment';
  if (!URL.canParse(text)) return 'it is not a URL';
  const { username, password } = new URL(text);
  if (username !== '' || password !== '' || /^https?:\/\/[^/]*@/i.test(text)) return 'it has a user or a password';
  return undefined;
}
