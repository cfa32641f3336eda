/** Configured protection of this process's services, and its own access to others. */
import { failure } from '@hyperswap/errors';
import { requireGuardedServer, type Config, type TransportSecurity } from '@hyperswap/config';
import { readPrivateKey, readPublicKeys, TokenVerifier, type NamedKey } from '@hyperswap/keys';
import type { TrustedKeys } from '@hyperswap/registry';
import { accessToSelf, type ClientAccess, type ServerGuard } from '@hyperswap/rpc';

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
 * Returns the access of this process to its own services.
 *
 * @throws CONFIG_INVALID when it would need a token and has none
 */
export function ownAccess(config: Config, security: TransportSecurity): ClientAccess {
  if (config.tokenKeys !== '' && config.tokenFile === '') {
    const allowed = 'a file with the token of a reader, with which the trainer gets scenes';
    throw failure('CONFIG_INVALID', { key: 'tokenFile', value: '""', allowed });
  }
  return accessToSelf({ ...config, ...security });
}

/** Returns the keys whose adapters are used, and the key that signs those made here. @throws CONFIG_INVALID */
export function adapterTrust({ signingKey, trustedKeys }: Config): {
  signingKey?: NamedKey;
  trustedKeys?: TrustedKeys;
} {
  return {
    ...(signingKey === '' ? {} : { signingKey: readPrivateKey('signingKey', signingKey) }),
    ...(trustedKeys === '' ? {} : { trustedKeys: readPublicKeys('trustedKeys', trustedKeys) }),
  };
}
