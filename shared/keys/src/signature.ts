import { sign, verify, type KeyObject } from 'node:crypto';
import type { NamedKey } from './key-files.js';

/** An Ed25519 signature, and which key made it. */
export interface Signature {
  readonly keyId: string;
  /** base64url */
  readonly value: string;
}

export function signStatement({ id, key }: NamedKey, statement: string): Signature {
  return { keyId: id, value: sign(null, Buffer.from(statement), key).toString('base64url') };
}

/** Why a signature is not accepted; undefined when a trusted key made it of this very statement. */
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
