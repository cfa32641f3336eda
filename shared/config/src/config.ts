import { readFileSync } from 'node:fs';
import { failure } from '@hyperswap/errors';
import { z } from 'zod';
import { commonNames, environmentName } from './environment.js';
import { settings } from './schema.js';

/** Settings with the rules that hold between them. */
const schema = settings
  .refine(
    ({ s3Endpoint, s3AccessKey, s3SecretKey }) => s3Endpoint === '' || (s3AccessKey !== '' && s3SecretKey !== ''),
    {
      path: ['s3AccessKey'],
      message: 'S3_ACCESS_KEY and S3_SECRET_KEY are needed with S3_ENDPOINT',
    },
  )
  .refine(({ tlsCertificate, tlsKey }) => (tlsCertificate === '') === (tlsKey === ''), {
    path: ['tlsCertificate'],
    message: 'HYPERSWAP_TLS_CERTIFICATE and HYPERSWAP_TLS_KEY are needed together',
  })
  .refine(({ tlsClients, tlsAuthority }) => tlsClients === 'any' || tlsAuthority !== '', {
    path: ['tlsClients'],
    message: 'HYPERSWAP_TLS_AUTHORITY is needed to verify certificates of clients',
  })
  .refine(({ tlsClients, tlsCertificate }) => tlsClients === 'any' || tlsCertificate !== '', {
    path: ['tlsClients'],
    message: 'HYPERSWAP_TLS_CERTIFICATE is needed to ask clients for theirs',
  });

/** Values that no message repeats. */
const secrets = ['natsUrl', 's3SecretKey'];

export type Config = Readonly<z.infer<typeof schema>>;

export interface ConfigSources {
  /** A JSON file. */
  readonly file?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Strongest. Undefined values count as absent. */
  readonly flags?: Readonly<Record<string, unknown>>;
}

/**
 * Defaults, then the file, then the environment, then flags.
 *
 * @throws CONFIG_INVALID with the key, the value and the allowed values; FILE_UNREADABLE
 */
export function loadConfig({ file, environment = {}, flags = {} }: ConfigSources = {}): Config {
  const merged: Record<string, unknown> = { ...(file === undefined ? {} : readConfigFile(file)) };
  for (const key of Object.keys(schema.shape)) {
    const value = environment[environmentName(key)] ?? environment[commonNames[key] ?? ''];
    if (value !== undefined && value !== '') merged[key] = value;
  }
  for (const [key, value] of Object.entries(flags)) if (value !== undefined) merged[key] = value;
  const parsed = schema.safeParse(merged);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const key = issue.code === 'unrecognized_keys' ? issue.keys[0]! : issue.path.join('.');
  throw failure('CONFIG_INVALID', {
    key,
    value: secrets.includes(key) ? '(hidden)' : JSON.stringify(merged[key] ?? ''),
    allowed: issue.message,
  });
}

function readConfigFile(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw failure('FILE_UNREADABLE', { file, reason: (cause as Error).message }, cause);
  }
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch (cause) {
    throw failure('FILE_FORMAT', { file, expected: 'JSON', reason: 'it is not an object of settings' }, cause);
  }
}
