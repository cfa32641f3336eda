/** Origin checks for requests, and security headers for responses. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { failure } from '@hyperswap/errors';

/**
 * Content-Security-Policy: only files of this origin; no scripts, styles or frames from other origins, and none inline.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "font-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Sets the headers that every response has. */
export function secure(response: ServerResponse): void {
  response.setHeader('content-security-policy', contentSecurityPolicy);
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader('cross-origin-opener-policy', 'same-origin');
  response.setHeader('cross-origin-resource-policy', 'same-origin');
  response.setHeader('permissions-policy', 'camera=(), geolocation=(), microphone=()');
}

/** Names of a gateway. */
export interface GatewayNames {
  /** Names beside loopback; each may end in a port. */
  readonly hosts: readonly string[];
  /** True if every caller presents a token or a certificate. */
  readonly isGuarded: boolean;
}

/**
 * Checks the origin and the host of a request. Pages of other origins are refused. Without tokens, host names that
 * anybody can point at this machine (DNS rebinding) are refused too.
 *
 * @throws HOST_REFUSED
 */
export function checkOrigin({ headers }: IncomingMessage, { hosts, isGuarded }: GatewayNames): void {
  const { host = '', origin } = headers;
  const name = host.replace(/:\d*$/, '').toLowerCase();
  const isOwn = isLoopbackName(name) || hosts.some((own) => own.toLowerCase() === name);
  if (!isGuarded && !isOwn) throw failure('HOST_REFUSED', { header: 'Host', value: host });
  if (origin !== undefined && !isSameOrigin(origin, host))
    throw failure('HOST_REFUSED', { header: 'Origin', value: origin });
  const site = headers['sec-fetch-site'];
  // A link of another page may open the console; it may not embed or call it.
  const isVisit = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  if ((site === 'cross-site' || site === 'same-site') && !isVisit) {
    throw failure('HOST_REFUSED', { header: 'Sec-Fetch-Site', value: site });
  }
}

function isSameOrigin(origin: string, host: string): boolean {
  return (
    URL.canParse(origin) &&
    new URL(origin).host === host.toLowerCase().replace(/:(80|443)$/, (port) => (origin.endsWith(port) ? port : ''))
  );
}

function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name);
}
