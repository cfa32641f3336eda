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
        'Address of the services for clients, or preprocessing=host:port,trainer=host:port,tile-inference=host:port; empty: services on the default port, or else services that the command starts itself.',
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
        'Memory of bound adapters that are not pinned, in bytes; the least recently used ones are evicted, and loaded again at their next use.',
      ),
    backboneBytes: z.coerce
      .number()
      .int()
      .nonnegative()
      .default(2 * 1024 ** 3)
      .describe(
        'Memory of backbones that are not served, for Predict, in bytes; the least recently used ones are evicted, and loaded again at their next use.',
      ),
    trainingBytes: byteCount
      .min(64 * 1024 ** 2)
      .default(8 * 1024 ** 3)
      .describe(
        'Memory of the patches, features and scenes of one training or pretraining, in bytes; one that needs more is refused.',
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
        'URL prefixes, separated by commas, from which this process reads scenes itself, such as https://data.example.org/scenes/; empty: none.',
      ),
    sceneUrlMilliseconds: z.coerce
      .number()
      .int()
      .min(100)
      .default(20_000)
      .describe('Timeout of each range request for such a scene, in milliseconds.'),
    sceneUrlTotalMilliseconds: z.coerce
      .number()
      .int()
      .min(100)
      .max(2 ** 31 - 1)
      .default(6 * 3_600_000)
      .describe('Maximum time to read all of such a scene, in milliseconds.'),
    sceneUrlsPrivate: z
      .union([z.boolean(), z.stringbool()])
      .default(false)
      .describe(
        'Allows names in those URLs that resolve to private, loopback and link-local addresses; an address in place of a name is not checked.',
      ),
    hyperSigmaWeights: z
      .string()
      .default('')
      .describe(
        'Folder on the trainer with the released files of HyperSIGMA, spat-vit-base….pth and spec-vit-base….pth; empty: random weights.',
      ),
    uploadLimit: z.coerce
      .number()
      .int()
      .min(1)
      .max(1000)
      .default(32)
      .describe(
        'Uploads of scenes that may be open at the same time, including interrupted ones; more are refused with a retry delay.',
      ),
    keepUploadsHours: z.coerce
      .number()
      .positive()
      .default(24)
      .describe('Retention of interrupted uploads in hours, so that clients can continue them.'),
    backboneCacheBytes: z.coerce
      .number()
      .int()
      .nonnegative()
      .default(4 * 1024 ** 3)
      .describe('Size limit of the cache of fetched backbones in the folder for temporary files, in bytes.'),
    metricsPort: z.coerce
      .number()
      .int()
      .min(0)
      .max(65_535)
      .default(0)
      .describe('Port of the metrics for Prometheus at /metrics; 0: no metrics are served.'),
    metricsHost: z
      .string()
      .min(1)
      .default('127.0.0.1')
      .describe('Address that the metrics for Prometheus are served on, in plain HTTP and without authentication.'),
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
      .describe('Port of the gateway; 0: the gRPC port plus 20, or a free port if the gRPC port is 0.'),
    gatewayHosts: z
      .string()
      .default('')
      .describe(
        'Host names, separated by commas, that browsers may use for the gateway without a token, in addition to loopback and the address to listen on.',
      ),
    maximumConnections: z.coerce
      .number()
      .int()
      .positive()
      .default(1000)
      .describe('Maximum number of open connections; a further one is closed at once.'),
    maximumStreams: z.coerce
      .number()
      .int()
      .positive()
      .default(128)
      .describe('Maximum number of open calls on one connection; clients hold further ones back.'),
    handshakeMilliseconds: z.coerce
      .number()
      .int()
      .min(100)
      .default(10_000)
      .describe('Timeout of the TLS handshake, and then of the HTTP/2 preface, in milliseconds.'),
    idleMilliseconds: z.coerce
      .number()
      .int()
      .min(100)
      .default(5 * 60_000)
      .describe('Milliseconds without a call until a connection gets a GOAWAY; after twice the time it is closed.'),
    connectionAgeMilliseconds: z.coerce
      .number()
      .int()
      .min(1000)
      .default(30 * 60_000)
      .describe(
        'Age in milliseconds after which a connection takes no more calls, so that its client reconnects and finds new pods. Open calls continue.',
      ),
    healthMilliseconds: z.coerce
      .number()
      .int()
      .min(100)
      .default(2_000)
      .describe(
        'Interval of the probes of object store and bus, and timeout of each probe, in milliseconds; after three failures services report NOT_SERVING.',
      ),
    drainMilliseconds: z.coerce
      .number()
      .int()
      .nonnegative()
      .default(30_000)
      .describe(
        'Time that open calls get after SIGTERM, in milliseconds. Streams that still send are ended after half of it; the service answers what they sent before.',
      ),
    idleExitSeconds: z.coerce
      .number()
      .int()
      .nonnegative()
      .default(0)
      .describe(
        'Seconds without a job after which the process drains and exits with code 0; 0: it serves until SIGTERM.',
      ),
    leaseMilliseconds: z.coerce
      .number()
      .int()
      .min(1000)
      .default(30_000)
      .describe(
        'Lease of a work item in milliseconds: if a process does not renew it, another process takes the work.',
      ),
    keepJobsHours: z.coerce
      .number()
      .positive()
      .default(24)
      .describe(
        'Retention of finished jobs with their maps and predictions, in hours. Adapters, backbones and scenes stay.',
      ),
    jobLimit: z.coerce
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(64)
      .describe('Jobs of one kind that may wait and run at the same time; more are refused with a retry delay.'),
    jobRetryMilliseconds: z.coerce
      .number()
      .int()
      .min(1)
      .default(60_000)
      .describe(
        'Longest delay in milliseconds before a retry of a job, or of a part of one, after an error that may pass, such as a full store. The fifth failure fails it.',
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
        'PEM file of authorities to trust for services, NATS and S3, in addition to those of the machine. With it, clients use TLS to services.',
      ),
    tlsCertificate: z
      .string()
      .default('')
      .describe(
        'PEM file of the certificate that this process presents to clients, and to services, NATS and S3 that require one.',
      ),
    tlsKey: z.string().default('').describe('PEM file of the key of that certificate.'),
    tlsClients: z
      .enum(['any', 'verified'])
      .default('any')
      .describe('verified: clients of the services must present a certificate of the authority.'),
    tokenKeys: z
      .string()
      .default('')
      .describe('JWKS file of the public keys whose tokens are accepted; empty: no token is required.'),
    tokenAudience: z.string().min(1).default('hyperswap').describe('Audience that tokens must name.'),
    tokenIssuer: z.string().default('').describe('Issuer that tokens must name; empty: any.'),
    tokenFile: z.string().default('').describe('File with the token that this process sends to services.'),
    signingKey: z.string().default('').describe('JWK file of the Ed25519 key that signs adapters registered here.'),
    trustedKeys: z
      .string()
      .default('')
      .describe('JWKS file of the public keys whose adapters are trusted; empty: all adapters are.'),
    insecure: z
      .union([z.boolean(), z.stringbool()])
      .default(false)
      .describe('The network is trusted: neither TLS nor tokens are required on addresses other than loopback.'),
  })
  .strict();
