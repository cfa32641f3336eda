import { readFileSync } from 'node:fs';
import { failure } from '@hyperswap/errors';
import { z } from 'zod';

const byteCount = z.coerce.number().int().positive();

/** Every setting of a process, with its default. Environment names are `HYPERSWAP_` and the key in capitals. */
const schema = z
  .object({
    /** Folder of the embedded store and bus. */
    home: z.string().min(1).default('./.hyperswap'),
    host: z.string().min(1).default('127.0.0.1'),
    /** 0 takes a free one. */
    port: z.coerce.number().int().min(0).max(65_535).default(7420),
    /** Where clients look for the services; empty: this process, or the default port. */
    endpoint: z.string().default(''),
    backbone: z.string().min(1).default('spectralgpt-mini'),
    logLevel: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
    /** What backbones run in; auto: whichever this machine runs fastest, where bfloat16 has to be clearly faster. */
    precision: z.enum(['auto', 'float32', 'bfloat16']).default('auto'),
    /** Patches that may wait for the engine. */
    queueLimit: z.coerce.number().int().positive().default(65_536),
    /** Patches of one batch; 0: as many as keep a batch short on this device, so that swaps and other calls need not wait. */
    batchSize: z.coerce.number().int().min(0).max(4096).default(0),
    /** Largest upload of a scene, in bytes. */
    maximumSceneBytes: byteCount.default(4 * 1024 ** 3),
    /** Bytes of backbones fetched from the store that a process keeps on disk, in the system's folder for temporary files. */
    backboneCacheBytes: z.coerce
      .number()
      .int()
      .nonnegative()
      .default(4 * 1024 ** 3),
    /** Connections at a time; one more is closed at once. */
    maximumConnections: z.coerce.number().int().positive().default(1000),
    /** Calls at a time of one connection; clients hold back more. */
    maximumStreams: z.coerce.number().int().positive().default(128),
    /** Milliseconds that a client may take for the TLS handshake, and then for the beginning of HTTP/2. */
    handshakeMilliseconds: z.coerce.number().int().min(100).default(10_000),
    /** Milliseconds that a connection may stay without a call until it is asked to end; it is cut off after twice the time. */
    idleMilliseconds: z.coerce
      .number()
      .int()
      .min(100)
      .default(5 * 60_000),
    /** Milliseconds between the probes of object store and bus, and for the answer of each; three failures make the services NOT_SERVING. */
    healthMilliseconds: z.coerce.number().int().min(100).default(2_000),
    /** Milliseconds that open calls get after SIGTERM. */
    drainMilliseconds: z.coerce.number().int().nonnegative().default(30_000),
    /** Milliseconds that a worker may show no sign of life before its work goes to another one. */
    leaseMilliseconds: z.coerce.number().int().min(1000).default(30_000),
    /** Hours that scene jobs, with their maps, and trainings are kept after their end; adapters and backbones stay. */
    keepJobsHours: z.coerce.number().positive().default(24),
    /** NATS with JetStream, `nats://[user:password@]host:port`; empty: queues in this process, state in the home folder. */
    natsUrl: z.string().default(''),
    /** MinIO or any S3, `http://host:port`; empty: a directory in the home folder. */
    s3Endpoint: z.union([z.literal(''), z.url({ protocol: /^https?$/ })]).default(''),
    s3AccessKey: z.string().default(''),
    s3SecretKey: z.string().default(''),
    s3Bucket: z.string().min(3).max(63).default('hyperswap'),
    /** PEM file of authorities to trust, beside the machine's own, in services, NATS and S3. With it, clients speak TLS to services. */
    tlsAuthority: z.string().default(''),
    /** PEM files of who this process is: shown to its clients, and to the services, NATS and S3 that ask for it. */
    tlsCertificate: z.string().default(''),
    tlsKey: z.string().default(''),
    /** Whether clients of the services must show a certificate of the authority. */
    tlsClients: z.enum(['any', 'verified']).default('any'),
    /** JWKS file of the public keys whose tokens are accepted; empty: no token is asked for. */
    tokenKeys: z.string().default(''),
    tokenAudience: z.string().min(1).default('hyperswap'),
    /** Who must have issued tokens; empty: whoever holds a key. */
    tokenIssuer: z.string().default(''),
    /** File with the token that this process shows to services. */
    tokenFile: z.string().default(''),
    /** JWK file of the ed25519 key that signs adapters registered here. */
    signingKey: z.string().default(''),
    /** JWKS file of the public keys whose adapters are trusted; empty: all are. */
    trustedKeys: z.string().default(''),
    /** Whether the network is trusted: neither TLS nor tokens are asked for on other addresses than loopback. */
    insecure: z.union([z.boolean(), z.stringbool()]).default(false),
  })
  .strict()
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

/** Names that other tools use too, without our prefix. */
const commonNames: Readonly<Record<string, string>> = {
  natsUrl: 'NATS_URL',
  s3Endpoint: 'S3_ENDPOINT',
  s3AccessKey: 'S3_ACCESS_KEY',
  s3SecretKey: 'S3_SECRET_KEY',
  s3Bucket: 'S3_BUCKET',
};
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
 * @throws CONFIG_INVALID with the key, the value and what is allowed; FILE_UNREADABLE
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

/** The environment variable of a key: `queueLimit` is `HYPERSWAP_QUEUE_LIMIT`. */
export function environmentName(key: string): string {
  return `HYPERSWAP_${key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
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
