import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { failure } from '@hyperswap/errors';
import type { Config } from './config.js';

/** Keys and certificates for TLS, in PEM. */
export interface TransportSecurity {
  /** Own authority. */
  readonly authority?: string;
  /** Own authority, and those that Node trusts. */
  readonly trusted?: string;
  /** Identity of this process. */
  readonly identity?: { readonly certificate: string; readonly key: string };
}

/**
 * Reads the files that the configuration names, and checks that they are what they should be.
 *
 * @throws CONFIG_INVALID naming the setting and file when one cannot be read, does not fit the other, or is out of date
 */
export function readTransportSecurity(config: Config): TransportSecurity {
  const { tlsAuthority, tlsCertificate, tlsKey } = config;
  const authority = tlsAuthority === '' ? undefined : readCertificates('tlsAuthority', tlsAuthority);
  return {
    ...(authority === undefined ? {} : { authority, trusted: [authority, ...rootCertificates].join('\n') }),
    ...(tlsCertificate === '' ? {} : { identity: readIdentity(tlsCertificate, tlsKey) }),
  };
}

function readIdentity(certificateFile: string, keyFile: string): { certificate: string; key: string } {
  const certificate = readCertificates('tlsCertificate', certificateFile);
  const key = read('tlsKey', keyFile);
  try {
    if (new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) return { certificate, key };
  } catch {
    throw invalid('tlsKey', keyFile, 'a private key in PEM, without a passphrase');
  }
  throw invalid('tlsKey', keyFile, `the key of ${certificateFile}`);
}

function readCertificates(setting: string, file: string): string {
  const certificates = read(setting, file);
  let validTo: Date;
  try {
    validTo = new Date(new X509Certificate(certificates).validTo);
  } catch {
    throw invalid(setting, file, 'certificates in PEM');
  }
  if (validTo.getTime() > Date.now()) return certificates;
  throw invalid(setting, file, `a certificate that is still valid; this one ended on ${validTo.toISOString()}`);
}

function read(setting: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw invalid(setting, file, `a file that can be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
}

function invalid(key: string, file: string, allowed: string): Error {
  return failure('CONFIG_INVALID', { key, value: file, allowed });
}
