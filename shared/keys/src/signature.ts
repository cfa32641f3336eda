import { sign, verify, type KeyObject } from 'node:crypto';
import type { NamedKey } from './key-files.js';

/** Ed25519 signature and the id of its key. */
export interface Signature {
  readonly keyId: string;
  /** base64url */
  readonly value: string;
}

export function signStatement({ id, key }: NamedKey, statement: string): Signature {
  return { keyId: id, value: sign(null, Buffer.from(statement), key).toString('base64url') };
}

/** Explains a rejected signature; undefined if a trusted key signed exactly this statement. */
export function whyNotSigned(
  trusted: ReadonlyMap<string, KeyObject>,
  statement: string,
  signature: Signature | undefined,
): string | undefined {
  if (signature === undefined) return 'it is not signed';
  const key = trusted.get(signature.keyId);
  if (key === undefined) return `its key ${signature.keyId} is not trusted`;
  const isRight = verify(null, Buffer.from(statement), key, Buffer.from(signature.value, 'base64url'));
  return isRight ? undefined : 'its signature is of something else';
}
