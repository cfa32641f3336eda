import { z } from 'zod';

const byteCount = z.coerce.number().int().positive();

/** Schema of every setting with its default and meaning; `docs/reference/config.md` is generated from it. */
export const settings = z
  .object({
    home: z.string().min(1).default('./.hyperswap').describe('Folder of the embedded store and bus.'),
    host: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
    port: z.coerce.number().int().min(0).max(65_535).default(7420).describe('Port to listen on; 0 takes a free one.'),
    endpoint: z
      .string()
      .default('')
      .describe(
        'Address of the services for clients, or preprocessing=host:port,trainer=host:port,tile-inference=host:port; empty: the default port where something listens there, else services that the command starts itself.',
      ),
    backbone: z
      .string()
      .min(1)
      .default('spectralgpt-mini')
      .describe('Name of the backbone that is served and trained on.'),
    logLevel: z
      .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
      .default('info')
      .describe('Least severe level that is logged.'),
    precision: z
      .enum(['auto', 'float32', 'bfloat16', 'int8'])
      .default('auto')
      .describe(
        'Number format of the backbone; auto measures and takes the fastest that keeps accuracy. Trainings of a linear probe take it too, other trainings bfloat16 or float32.',
      ),
    kernels: z
      .enum(['auto', 'public'])
      .default('auto')
      .describe(
        'Kernels that compute layers in float32 and bfloat16: auto measures and takes the fastest; public takes those of TensorFlow alone, as on a GPU.',
      ),
    queueLimit: z.coerce
      .number()
      .int()
      .positive()
      .default(65_536)
      .describe('Patches that may wait for the engine; a stream or job takes 1/32 of them at most.'),
    queueBytes: byteCount
      .min(256 * 1024 ** 2)
      .default(512 * 1024 ** 2)
      .describe(
        'Memory of tiles that wait or run, and of results that clients have not taken; a stream or job takes 1/8 of it at most.',
      ),
    bindingBytes: byteCount
      .min(1024 ** 2)
      .default(512 * 1024 ** 2)
      .describe(
        'Memory of ready adapters that nothing pins; those used longest ago are freed, and loaded again when they are used.',
      ),
    backboneBytes: z.coerce
      .number()
      .int()
      .nonnegative()
      .default(2 * 1024 ** 3)
      .describe(
        'Memory of backbones that are not served, for Predict; those used longest ago are freed, and loaded again when they are used.',
      ),
    batchSize: z.coerce
      .number()
      .int()
      .min(0)
      .max(4096)
      .default(0)
      .describe(
        'Patches of one batch; 0: as many as keep a batch short on this device, so that other calls and swaps wait little.',
      ),
    maximumSceneBytes: byteCount.default(64 * 1024 ** 3).describe('Largest upload of a scene in bytes.'),
    sceneUrls: z
      .string()
      .default('')
      .describe(
        'Beginnings of URLs, separated by commas, under which this process reads scenes itself, as https://data.example.org/scenes/; empty: none.',
      ),
    sceneUrlMilliseconds: z.coerce
      .number()
      .int()
      .min(100)
      .default(20_000)
      .describe('Milliseconds that the answer to each request for a part of such a scene may take.'),
    sceneUrlsPrivate: z
      .union([z.boolean(), z.stringbool()])
      .default(false)
      .describe(
        'Names in those URLs may resolve to private, loopback and link-local addresses; an address in place of a name is taken as it is.',
      ),
    uploadLimit: z.coerce
      .number()
      .int()
      .min(1)
      .max(1000)
      .default(32)
      .describe(
        'Uploads of scenes that may be open at once, interrupted ones included; more are refused with a hint when to try again.',
      ),
    keepUploadsHours: z.coerce
      .number()
      .positive()
      .default(24)
      .describe('Hours that an interrupted upload is kept, so that its client can continue it.'),
    backboneCacheBytes: z.coerce
      .number()
      .int()
      .nonnegative()
      .default(4 * 1024 ** 3)
      .describe('Bytes of backbones, fetched from the store, that a process keeps in the folder for temporary files.'),
    metricsPort: z.coerce
      .number()
      .int()
      .min(0)
      .max(65_535)
      .default(0)
      .describe('Port of the metrics for Prometheus at /metrics; 0: there is no such page.'),
    metricsHost: z
      .string()
      .min(1)
      .default('127.0.0.1')
      .describe('Address that the metrics for Prometheus are served on, in plain HTTP to everybody who reaches it.'),
    gateway: z
      .union([z.boolean(), z.stringbool()])
      .default(true)
      .describe('"hyperswap up" also serves the web console and gRPC-web, on the port of the gateway.'),
    gatewayPort: z.coerce
      .number()
      .int()
      .min(0)
      .max(65_535)
      .default(0)
      .describe('Port of the gateway; 0: 20 above the port of gRPC, or a free one where that is 0.'),
    gatewayHosts: z
      .string()
      .default('')
      .describe(
        'Names, separated by commas, that browsers may use for the gateway without a token, beside loopback and the address to listen on.',
      ),
    maximumConnections: z.coerce
      .number()
      .int()
      .positive()
      .default(1000)
      .describe('Connections at a time; one more is closed at once.'),
    maximumStreams: z.coerce
      .number()
      .int()
      .positive()
      .default(128)
      .describe('Calls at a time of one connection; clients hold back more.'),
    handshakeMilliseconds: z.coerce
      .number()
      .int()
      .min(100)
      .default(10_000)
      .describe('Milliseconds that a client may take for the TLS handshake, and then for the start of HTTP/2.'),
    idleMilliseconds: z.coerce
      .number()
      .int()
      .min(100)
      .default(5 * 60_000)
      .describe(
        'Milliseconds that a connection may stay without a call until it is asked to end; after twice the time it is closed.',
      ),
    connectionAgeMilliseconds: z.coerce
      .number()
      .int()
      .min(1000)
      .default(30 * 60_000)
      .describe(
        'Milliseconds after which a connection takes no more calls, so that its client connects anew and finds new pods. Open calls go on.',
      ),
    healthMilliseconds: z.coerce
      .number()
      .int()
      .min(100)
      .default(2_000)
      .describe(
        'Milliseconds between probes of object store and bus, and limit of each answer; after three failures services report NOT_SERVING.',
      ),
    drainMilliseconds: z.coerce
      .number()
      .int()
      .nonnegative()
      .default(30_000)
      .describe(
        'Milliseconds that open calls get after SIGTERM. Streams that still send are ended after half of it, and what they sent before is answered.',
      ),
    idleExitSeconds: z.coerce
      .number()
      .int()
      .nonnegative()
      .default(0)
      .describe(
        'Seconds without a job after which the process drains and ends with exit code 0; 0: it serves until SIGTERM.',
      ),
    leaseMilliseconds: z.coerce
      .number()
      .int()
      .min(1000)
      .default(30_000)
      .describe('Milliseconds after which the work of a process that stopped answering goes to another one.'),
    keepJobsHours: z.coerce
      .number()
      .positive()
      .default(24)
      .describe(
        'Hours that jobs are kept after their end, with their maps and predictions. Adapters, backbones and scenes stay.',
      ),
    jobLimit: z.coerce
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(64)
      .describe('Jobs of one kind that may wait and run at once; more are refused with a hint when to try again.'),
    jobRetryMilliseconds: z.coerce
      .number()
      .int()
      .min(1)
      .default(60_000)
      .describe(
        'Longest pause in milliseconds before another attempt at a job, or a part of one, whose failure may pass, as a full store. The fifth failure fails it.',
      ),
    natsUrl: z
      .string()
      .default('')
      .describe('NATS with JetStream, nats://[user:password@]host:port; empty: queues and state in the home folder.'),
    s3Endpoint: z
      .union([z.literal(''), z.url({ protocol: /^https?$/ })])
      .default('')
      .describe('MinIO or any other S3, http://host:port; empty: a directory in the home folder.'),
    s3AccessKey: z.string().default('').describe('Access key of the object store.'),
    s3SecretKey: z.string().default('').describe('Secret key of the object store.'),
    s3Bucket: z
      .string()
      .min(3)
      .max(63)
      .default('hyperswap')
      .describe('Bucket of the object store, 3 to 63 characters.'),
    tlsAuthority: z
      .string()
      .default('')
      .describe(
        'PEM file of authorities that services, NATS and S3 are trusted by, beside those of the machine. With it clients speak TLS to services.',
      ),
    tlsCertificate: z
      .string()
      .default('')
      .describe(
        'PEM file of the certificate that this process shows to clients, and to services, NATS and S3 that ask for one.',
      ),
    tlsKey: z.string().default('').describe('PEM file of the key of that certificate.'),
    tlsClients: z
      .enum(['any', 'verified'])
      .default('any')
      .describe('verified: clients of the services must show a certificate of the authority.'),
    tokenKeys: z
      .string()
      .default('')
      .describe('JWKS file of the public keys whose tokens are accepted; empty: no token is asked for.'),
    tokenAudience: z.string().min(1).default('hyperswap').describe('Audience that tokens must name.'),
    tokenIssuer: z.string().default('').describe('Issuer that tokens must name; empty: any.'),
    tokenFile: z.string().default('').describe('File with the token that this process shows to services.'),
    signingKey: z.string().default('').describe('JWK file of the Ed25519 key that signs adapters registered here.'),
    trustedKeys: z
      .string()
      .default('')
      .describe('JWKS file of the public keys whose adapters are trusted; empty: all adapters are.'),
    insecure: z
      .union([z.boolean(), z.stringbool()])
      .default(false)
      .describe('The network is trusted: neither TLS nor tokens are asked for on addresses other than loopback.'),
  })
  .strict();
