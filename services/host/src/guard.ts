/** How the services of this process are guarded, and what it shows to others, as it is configured. */
import { X509Certificate } from 'node:crypto';
import { failure } from '@hyperswap/errors';
import { requireGuardedServer, type Config, type TransportSecurity } from '@hyperswap/config';
import { readPrivateKey, readPublicKeys, TokenVerifier, type NamedKey } from '@hyperswap/keys';
import type { TrustedKeys } from '@hyperswap/registry';
import { clientAccess, type ClientAccess, type ServerGuard } from '@hyperswap/rpc';

/** @throws CONFIG_INSECURE, CONFIG_INVALID */
export async function serverGuard(config: Config, { authority, identity }: TransportSecurity): Promise<ServerGuard> {
  requireGuardedServer(config);
  const { tlsClients, tokenKeys, tokenAudience, tokenIssuer } = config;
  return {
    ...(identity === undefined ? {} : { identity }),
    ...(tlsClients === 'any' || authority === undefined ? {} : { clientAuthority: authority }),
    ...(tokenKeys === ''
      ? {}
      : {
          tokens: await TokenVerifier.open({ keysFile: tokenKeys, audience: tokenAudience, issuer: tokenIssuer }),
        }),
  };
}

/**
 * What this process shows to itself, when one of its services calls another: it is reached by an address that its certificate may not hold.
 *
 * @throws CONFIG_INVALID when it would need a token and has none
 */
export function ownAccess(config: Config, security: TransportSecurity): ClientAccess {
  if (config.tokenKeys !== '' && config.tokenFile === '') {
    const allowed = 'a file with the token of a reader, with which the trainer gets scenes';
    throw failure('CONFIG_INVALID', { key: 'tokenFile', value: '""', allowed });
  }
  const { trusted, ...access } = clientAccess({ ...config, ...security });
  if (security.identity === undefined) return access;
  const { subjectAltName = '' } = new X509Certificate(security.identity.certificate);
  const serverName = /DNS:([^,]+)/.exec(subjectAltName)?.[1]?.replace('*', 'self');
  return { ...access, trusted, ...(serverName === undefined ? {} : { serverName }) };
}

/** Whose adapters are used, and the key that signs those made here. @throws CONFIG_INVALID */
export function adapterTrust({ signingKey, trustedKeys }: Config): {
  signingKey?: NamedKey;
  trustedKeys?: TrustedKeys;
} {
  return {
    ...(signingKey === '' ? {} : { signingKey: readPrivateKey('signingKey', signingKey) }),
    ...(trustedKeys === '' ? {} : { trustedKeys: readPublicKeys('trustedKeys', trustedKeys) }),
  };
}
