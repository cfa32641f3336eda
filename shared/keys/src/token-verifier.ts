import { readFile, stat } from 'node:fs/promises';
import { failure } from '@hyperswap/errors';
import { createLocalJWKSet, errors, jwtVerify, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';

export interface TokenSettings {
  /** JWKS file with the public keys of token issuers. It is read again when it changes. */
  readonly keysFile: string;
  readonly audience: string;
  /** Required issuer (`iss`); empty accepts every issuer with a key in the file. */
  readonly issuer: string;
}

/** Public-key algorithms only: with a shared secret, every service could issue tokens. */
const algorithms = [
  'EdDSA',
  'Ed25519',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
];
/** Accepted clock difference between two machines. */
const clockToleranceSeconds = 60;

/**
 * Checks bearer tokens: JSON Web Tokens (RFC 7519) signed by a key of a JWKS file, with the claims `aud`, `exp`, `sub`
 * and `roles`.
 */
export class TokenVerifier {
  private constructor(
    private readonly settings: TokenSettings,
    private key: JWTVerifyGetKey,
    private changedAt: number,
  ) {}

  /** @throws CONFIG_INVALID when the file holds no keys */
  static async open(settings: TokenSettings): Promise<TokenVerifier> {
    const { mtimeMs } = await stat(settings.keysFile).catch(() => ({ mtimeMs: 0 }));
    return new TokenVerifier(settings, await readKeys(settings.keysFile), mtimeMs);
  }

  /** @returns the roles that a token holds @throws TOKEN_INVALID */
  async verify(token: string): Promise<readonly string[]> {
    await this.readAgainWhenChanged();
    const { audience, issuer } = this.settings;
    try {
      const { payload } = await jwtVerify(token, this.key, {
        algorithms,
        audience,
        ...(issuer === '' ? {} : { issuer }),
        requiredClaims: ['exp', 'sub'],
        clockTolerance: clockToleranceSeconds,
      });
      const { roles } = payload;
      return Array.isArray(roles) ? roles.filter((role): role is string => typeof role === 'string') : [];
    } catch (cause) {
      throw failure('TOKEN_INVALID', { reason: reasonOf(cause) }, cause);
    }
  }

  /** Reloads the keys if the file changed, without a restart. If the new file is damaged, the old keys stay valid. */
  private async readAgainWhenChanged(): Promise<void> {
    const { keysFile } = this.settings;
    const changedAt = await stat(keysFile).then(
      ({ mtimeMs }) => mtimeMs,
      () => this.changedAt,
    );
    if (changedAt === this.changedAt) return;
    this.changedAt = changedAt;
    this.key = await readKeys(keysFile).catch(() => this.key);
  }
}

async function readKeys(file: string): Promise<JWTVerifyGetKey> {
  try {
    return createLocalJWKSet(JSON.parse(await readFile(file, 'utf8')) as JSONWebKeySet);
  } catch (cause) {
    throw failure('CONFIG_INVALID', { key: 'tokenKeys', value: file, allowed: 'a JWKS file, {"keys": […]}' }, cause);
  }
}

/** Returns the reason without any content of the token. */
function reasonOf(cause: unknown): string {
  if (cause instanceof errors.JWTExpired) return 'it has expired';
  if (cause instanceof errors.JWTClaimValidationFailed) return `its claim "${cause.claim}" is ${cause.reason}`;
  if (cause instanceof errors.JWKSNoMatchingKey) return 'no key that is trusted here has signed it';
  if (cause instanceof errors.JWSSignatureVerificationFailed) return 'its signature is wrong';
  if (cause instanceof errors.JOSEAlgNotAllowed) return 'it is signed by an algorithm that is not allowed';
  return 'it is no JSON Web Token';
}
