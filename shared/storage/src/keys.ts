import { failure } from '@hyperswap/errors';

const keyPattern = /^[A-Za-z0-9][A-Za-z0-9._@-]*(\/[A-Za-z0-9][A-Za-z0-9._@-]*)*$/;

/** A key that leads nowhere else. @throws NAME_INVALID */
export function checkKey(key: string): string {
  if (keyPattern.test(key)) return key;
  throw failure('NAME_INVALID', { field: 'object key', name: key });
}
