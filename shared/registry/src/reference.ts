import { failure, validateName } from '@hyperswap/errors';

export interface AdapterReference {
  readonly name: string;
  readonly version?: number;
  readonly alias?: string;
}

/**
 * Reads `name`, `name@7` or `name:alias`.
 *
 * @throws NAME_INVALID, ADAPTER_NOT_FOUND when the version is no number
 */
export function parseReference(reference: string): AdapterReference {
  const at = reference.indexOf('@');
  if (at >= 0) {
    const digits = reference.slice(at + 1);
    if (!/^[1-9]\d{0,8}$/.test(digits)) throw failure('ADAPTER_NOT_FOUND', { adapter: reference });
    return { name: validateName('Adapter name', reference.slice(0, at)), version: Number(digits) };
  }
  const colon = reference.indexOf(':');
  if (colon < 0) return { name: validateName('Adapter name', reference) };
  return {
    name: validateName('Adapter name', reference.slice(0, colon)),
    alias: validateName('Alias', reference.slice(colon + 1)),
  };
}
