import { failure } from './hyperswap-error.js';

const namePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/**
 * Checks a name that becomes part of an object key, so that no name can leave its folder in the store.
 *
 * @param field what the name names, for the message
 * @throws NAME_INVALID
 */
export function validateName(field: string, name: string): string {
  if (!namePattern.test(name) || name.includes('..')) throw failure('NAME_INVALID', { field, name });
  return name;
}
