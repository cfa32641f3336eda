import { SignJWT } from 'jose';
import type { NamedKey } from './key-files.js';

export interface TokenClaims {
  /** Identity of the token's holder (`sub`). */
  readonly subject: string;
  readonly roles: readonly string[];
  readonly audience: string;
  readonly hours: number;
}

/**
 * Issues a bearer token, for installations without an identity provider: a JSON Web Token (RFC 7519) signed with
 * Ed25519 (RFC 8037).
 */
export async function issueToken(
  { id, key }: NamedKey,
  { subject, roles, audience, hours }: TokenClaims,
): Promise<string> {
  return new SignJWT({ roles: [...roles] })
    .setProtectedHeader({ alg: 'EdDSA', kid: id })
    .setSubject(subject)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + Math.round(hours * 3600))
    .sign(key);
}
