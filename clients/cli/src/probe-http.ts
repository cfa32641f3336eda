/** Probe of the HTTP gateway. */
import http from 'node:http';
import https from 'node:https';
import type { TransportSecurity } from '@hyperswap/config';
import { failure } from '@hyperswap/errors';

/**
 * Asks for a page of the gateway once.
 *
 * @param security authorities that are trusted, and the certificate that is shown
 * @param milliseconds that the answer may take
 * @throws SERVICE_UNREACHABLE when nothing answers, or the answer is no success; FIELD_INVALID for what is no address
 */
export async function probeHttp(address: string, security: TransportSecurity, milliseconds: number): Promise<void> {
  if (!/^https?:/.test(address) || !URL.canParse(address)) {
    const reason = 'it is no address that begins with http:// or https://';
    throw failure('FIELD_INVALID', { field: '--http', reason });
  }
  const { get } = address.startsWith('https:') ? https : http;
  const { trusted, identity } = security;
  const certificates = { ca: trusted, cert: identity?.certificate, key: identity?.key };
  const signal = AbortSignal.timeout(milliseconds);
  const status = await new Promise<number>((resolve, reject) => {
    get(address, { ...certificates, signal, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).once('error', reject);
  }).catch((error: unknown) => {
    const reason = signal.aborted ? `no answer within ${milliseconds} ms` : (error as Error).message;
    throw failure('SERVICE_UNREACHABLE', { endpoint: address, reason }, error);
  });
  if (status >= 200 && status <= 299) return;
  throw failure('SERVICE_UNREACHABLE', { endpoint: address, reason: `its answer has the status ${status}` });
}
