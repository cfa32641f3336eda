/** Ed25519 keys (RFC 8032) in files: our private key as a JWK (RFC 7517), and trusted public keys as a JWKS. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { failure } from '@hyperswap/errors';
import { calculateJwkThumbprint } from 'jose';

/** Private key and its key id, which signatures name. */
export interface NamedKey {
  readonly id: string;
  readonly key: KeyObject;
}

interface NamedJsonWebKey extends JsonWebKey {
  readonly kid?: string;
}

/**
 * Creates a key pair and writes `private.jwk`, readable by its owner only, and `keys.json`, the JWKS for everybody who
 * trusts the key.
 *
 * @returns the files
 * @throws FILE_UNWRITABLE if they exist already, or cannot be written
 */
export async function createKeyFiles(directory: string): Promise<{ privateKey: string; publicKeys: string }> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const shared = publicKey.export({ format: 'jwk' });
  const kid = await calculateJwkThumbprint(shared as Parameters<typeof calculateJwkThumbprint>[0]);
  const files = { privateKey: path.join(directory, 'private.jwk'), publicKeys: path.join(directory, 'keys.json') };
  const named = { kid, alg: 'EdDSA', use: 'sig' };
  const contents: readonly (readonly [file: string, content: object, mode: number])[] = [
    [files.privateKey, { ...privateKey.export({ format: 'jwk' }), ...named }, 0o600],
    [files.publicKeys, { keys: [{ ...shared, ...named }] }, 0o644],
  ];
  for (const [file, content, mode] of contents) {
    try {
      await mkdir(directory, { recursive: true });
      await writeFile(file, `${JSON.stringify(content, undefined, 2)}\n`, { mode, flag: 'wx' });
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const reason = code === 'EEXIST' ? 'it is there already, and was left as it is' : (code ?? 'unknown');
      throw failure('FILE_UNWRITABLE', { file, reason }, cause);
    }
  }
  return files;
}

/**
 * Reads a private key.
 *
 * @param setting named in the error
 * @throws CONFIG_INVALID if the file is no Ed25519 private key
 */
export function readPrivateKey(setting: string, file: string): NamedKey {
  try {
    const jwk = JSON.parse(readFileSync(file, 'utf8')) as NamedJsonWebKey;
    const key = createPrivateKey({ key: jwk, format: 'jwk' });
    if (key.asymmetricKeyType === 'ed25519' && jwk.kid !== undefined) return { id: jwk.kid, key };
  } catch (cause) {
    throw notKeys(setting, file, 'the JWK of an Ed25519 private key', cause);
  }
  throw notKeys(setting, file, 'the JWK of an Ed25519 private key, with its "kid"');
}

/**
 * Reads public keys by id.
 *
 * @param setting named in the error
 * @throws CONFIG_INVALID if the file is no JWKS of Ed25519 public keys
 */
export function readPublicKeys(setting: string, file: string): ReadonlyMap<string, KeyObject> {
  const allowed = 'a JWKS file of Ed25519 public keys, each with its "kid"';
  try {
    const { keys } = JSON.parse(readFileSync(file, 'utf8')) as { keys: readonly NamedJsonWebKey[] };
    const found = new Map(keys.map((jwk) => [jwk.kid ?? '', createPublicKey({ key: jwk, format: 'jwk' })] as const));
    const isUsable = [...found].every(([id, key]) => id !== '' && key.asymmetricKeyType === 'ed25519');
    if (isUsable && found.size > 0) return found;
  } catch (cause) {
    throw notKeys(setting, file, allowed, cause);
  }
  throw notKeys(setting, file, allowed);
}

function notKeys(key: string, value: string, allowed: string, cause?: unknown): Error {
  return failure('CONFIG_INVALID', { key, value, allowed }, cause);
}
