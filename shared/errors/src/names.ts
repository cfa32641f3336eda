/**
 * Validation of all names, ids and keys, in one place. All of them are made of lower-case ASCII letters, digits, `-`,
 * `_` and `.`: such a text is no path to another folder, no wildcard of a message bus, and the same name on a file
 * system that ignores case, folds Unicode or drops a dot at the end.
 */
import { failure } from './hyperswap-error.js';

/** Characters of the longest name that a user chooses. */
const longestName = 64;
/** Characters of the longest part of a key; a file name may have 255. */
const longestPart = 128;
/** Characters of the longest object key; S3 allows 1024 bytes, a path of Linux 4096 with the home folder. */
const longestKey = 512;
/** Characters of the longest subject. */
const longestSubject = 256;

const partPattern = /^[a-z0-9][a-z0-9._-]*$/;
const tokenPattern = /^[a-z0-9][a-z0-9_-]*$/;
const idPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Windows opens a device by such a name in any folder and with any ending. */
const devicePattern = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/;

const letters = 'a–z, 0–9, "-", "_" and "."; begin with a letter or digit, do not end with ".", and leave out ".."';

function isPart(text: string, longest: number): boolean {
  return (
    text.length <= longest &&
    partPattern.test(text) &&
    !text.includes('..') &&
    !text.endsWith('.') &&
    !devicePattern.test(text)
  );
}

function requireValid(isValid: boolean, field: string, name: string, allowed: string): string {
  if (!isValid) throw failure('NAME_INVALID', { field, name, allowed });
  return name;
}

/**
 * Checks a name that a user chooses: of a scene, a label map, an adapter, an alias, a backbone.
 *
 * @param field subject of the name, for the message
 * @returns the name
 * @throws NAME_INVALID
 */
export function validateName(field: string, name: string): string {
  return requireValid(isPart(name, longestName), field, name, `use 1 to ${longestName} of ${letters}`);
}

/** Tells the id of a job or process, as `randomUUID` makes them, from any other text. */
export function isId(text: string): boolean {
  return idPattern.test(text);
}

/**
 * Checks the id of a job.
 *
 * @param field subject of the id, for the message
 * @returns the id
 * @throws NAME_INVALID
 */
export function validateId(field: string, id: string): string {
  const allowed = 'use the id that the service gave, such as 0c5e9c1e-2f0c-4f43-9d4e-2f6f3d2b8f11';
  return requireValid(isId(id), field, id, allowed);
}

/** Tells the key of a value in a bucket, one part, from any other text. */
export function isKey(text: string): boolean {
  return isPart(text, longestPart);
}

/** Checks the key of a value in a bucket. @returns the key @throws NAME_INVALID */
export function validateKey(key: string): string {
  return requireValid(isKey(key), 'Key', key, `use 1 to ${longestPart} of ${letters}`);
}

/** Tells the key of an object, parts joined by `/`, from any other text. */
export function isObjectKey(text: string): boolean {
  return text.length <= longestKey && text.split('/').every((part) => isPart(part, longestPart));
}

/** Checks the key of an object. @returns the key @throws NAME_INVALID */
export function validateObjectKey(key: string): string {
  const allowed = `use at most ${longestKey} characters, in parts joined by "/": each 1 to ${longestPart} of ${letters}`;
  return requireValid(isObjectKey(key), 'Object key', key, allowed);
}

/**
 * Checks what keys of objects begin with: nothing, or a key, perhaps with `/` at its end.
 *
 * @returns the prefix
 * @throws NAME_INVALID
 */
export function validateObjectPrefix(prefix: string): string {
  if (prefix !== '') validateObjectKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
  return prefix;
}

/**
 * Checks the subject of events: tokens joined by `.`, none of them a wildcard.
 *
 * @returns the subject
 * @throws NAME_INVALID
 */
export function validateSubject(subject: string): string {
  const isValid = subject.length <= longestSubject && subject.split('.').every((token) => tokenPattern.test(token));
  const allowed = `use at most ${longestSubject} characters, in parts joined by ".", each of a–z, 0–9, "-" and "_", beginning with a letter or digit`;
  return requireValid(isValid, 'Subject', subject, allowed);
}

/**
 * Checks the name of a bucket or queue: a token of a subject.
 *
 * @param field subject of the name, for the message
 * @param taken names that mean something else there
 * @returns the name
 * @throws NAME_INVALID
 */
export function validateChannel(field: string, name: string, taken: readonly string[] = []): string {
  const isValid =
    name.length <= longestName && tokenPattern.test(name) && !devicePattern.test(name) && !taken.includes(name);
  const allowed = `use 1 to ${longestName} of a–z, 0–9, "-" and "_", beginning with a letter or digit`;
  const except = taken.length === 0 ? '' : `, other than ${taken.join(', ')}`;
  return requireValid(isValid, field, name, allowed + except);
}
