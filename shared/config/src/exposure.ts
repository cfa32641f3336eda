import { BlockList, isIP } from 'node:net';
import { failure } from '@hyperswap/errors';
import type { Config } from './config.js';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/**
 * Returns true if only this machine can reach or listen to an address: a host name, or an IP address with or without
 * brackets.
 */
function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  const version = isIP(bare);
  if (version === 0) return bare === 'localhost';
  return loopback.check(bare, version === 4 ? 'ipv4' : 'ipv6');
}

/**
 * Refuses to serve beyond this machine without TLS and without authentication of callers.
 *
 * @throws CONFIG_INSECURE naming the setting and how to fix it
 */
export function requireGuardedServer({ insecure, host, tlsCertificate, tlsClients, tokenKeys }: Config): void {
  if (insecure || isLoopback(host)) return;
  if (tlsCertificate === '') {
    const mend = 'give the process a certificate with HYPERSWAP_TLS_CERTIFICATE and HYPERSWAP_TLS_KEY';
    throw failure('CONFIG_INSECURE', { key: 'host', value: host, mend });
  }
  if (tokenKeys === '' && tlsClients === 'any') {
    const mend = 'ask for tokens with HYPERSWAP_TOKEN_KEYS, or for certificates with HYPERSWAP_TLS_CLIENTS=verified';
    throw failure('CONFIG_INSECURE', { key: 'host', value: host, mend });
  }
}

/**
 * Refuses to speak to NATS or S3 on other machines in the clear.
 *
 * @throws CONFIG_INSECURE naming the setting and how to fix it
 */
export function requireGuardedServers({ insecure, natsUrl, s3Endpoint }: Config): void {
  if (insecure) return;
  for (const server of natsUrl === '' ? [] : natsUrl.split(',')) {
    const { protocol, hostname, host } = new URL(server.trim());
    if (protocol === 'tls:' || isLoopback(hostname)) continue;
    throw failure('CONFIG_INSECURE', { key: 'natsUrl', value: host, mend: `use tls://${host}` });
  }
  if (s3Endpoint === '') return;
  const { protocol, hostname, host } = new URL(s3Endpoint);
  if (protocol === 'https:' || isLoopback(hostname)) return;
  throw failure('CONFIG_INSECURE', { key: 's3Endpoint', value: s3Endpoint, mend: `use https://${host}` });
}

/**
 * Refuses to show a token to services on other machines in the clear.
 *
 * @param endpoint `[https://]host:port`
 * @throws CONFIG_INSECURE
 */
export function requireGuardedToken({ insecure, tokenFile, tlsAuthority }: Config, endpoint: string): void {
  if (insecure || tokenFile === '' || tlsAuthority !== '' || endpoint.startsWith('https://')) return;
  const { hostname } = new URL(`http://${endpoint}`);
  if (isLoopback(hostname)) return;
  const mend = `use https://${endpoint}, with HYPERSWAP_TLS_AUTHORITY where the authority is your own`;
  throw failure('CONFIG_INSECURE', { key: 'endpoint', value: endpoint, mend });
}
