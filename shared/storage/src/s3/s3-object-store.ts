import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import http from 'node:http';
import https, { Agent } from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { failure, HyperswapError, isObjectKey, validateObjectKey, validateObjectPrefix } from '@hyperswap/errors';
import { Client, type BucketItem } from 'minio';
import pRetry from 'p-retry';
import { hashedPieces } from '../hashed-pieces.js';
import type { ObjectFacts, ObjectStore, PutOptions, StoredObject } from '../object-store.js';
import { isPassing, translate } from './s3-errors.js';

export interface S3Settings {
  /** `http://127.0.0.1:9000` */
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly bucket: string;
  /** For `https:`, PEM of the authorities to trust instead of those that Node does, and of who this process is. */
  readonly trusted?: string;
  readonly identity?: { readonly certificate: string; readonly key: string };
}

/**
 * Time for which requests are retried while the server does not answer, in milliseconds, so that a restart causes no
 * errors.
 */
const patienceMilliseconds = 20_000;
/** Size in bytes above which files are uploaded in parts. */
const partBytes = 64 * 1024 * 1024;

/**
 * Objects in a bucket of MinIO or any S3. The sha-256 of the content is stored with it, and compared on reading.
 * Requests without an answer are retried with exponential backoff and jitter.
 */
export class S3ObjectStore implements ObjectStore {
  readonly description: string;
  private readonly client: Client;
  private readonly agent: Agent | undefined;
  /** Client whose requests end with the signal of the newest probe. */
  private readonly prober: Client;
  private probeSignal: AbortSignal | undefined;
  private readonly closing = new AbortController();

  private constructor(private readonly settings: S3Settings) {
    const { endpoint, bucket, trusted, identity } = settings;
    if (new URL(endpoint).protocol === 'https:') {
      const { certificate: cert, key } = identity ?? {};
      this.agent = new Agent({ ca: trusted, cert, key, keepAlive: true });
    }
    this.description = `bucket ${bucket} at ${endpoint}`;
    this.client = this.connect();
    this.prober = this.connect(() => this.probeSignal);
  }

  /**
   * Opens a bucket, and creates it if it is missing and the permissions allow it.
   *
   * @throws STORE_UNREACHABLE, STORE_REFUSED
   */
  static async open(settings: S3Settings): Promise<S3ObjectStore> {
    const store = new S3ObjectStore(settings);
    const { bucket } = settings;
    await store.repeat('', async () => {
      if (await store.client.bucketExists(bucket)) return;
      await store.client.makeBucket(bucket).catch((error: unknown) => {
        // Another process may have been faster.
        if ((error as { code?: string }).code !== 'BucketAlreadyOwnedByYou') throw error;
      });
    });
    return store;
  }

  async put(key: string, content: Uint8Array, options: PutOptions = {}): Promise<void> {
    validateObjectKey(key);
    const checksum = createHash('sha256').update(content).digest('hex');
    const body = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    await this.upload(key, checksum, content.byteLength, options, () => body);
  }

  async putFile(key: string, file: string, options: PutOptions = {}): Promise<void> {
    validateObjectKey(key);
    const unreadable = (cause: unknown): Error =>
      failure('FILE_UNREADABLE', { file, reason: (cause as NodeJS.ErrnoException).code ?? 'unknown' }, cause);
    const hash = createHash('sha256');
    const { size } = await stat(file).catch((cause: unknown) => {
      throw unreadable(cause);
    });
    try {
      for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
    } catch (cause) {
      throw unreadable(cause);
    }
    // Multipart uploads have no condition, so existence is checked before a large upload.
    if (options.onlyIfAbsent === true && size > partBytes && (await this.has(key))) {
      throw failure('OBJECT_EXISTS', { key });
    }
    await this.upload(key, hash.digest('hex'), size, options, () => createReadStream(file));
  }

  async get(key: string): Promise<Buffer> {
    validateObjectKey(key);
    return this.repeat(key, async () => {
      const response = await this.client.getObject(this.settings.bucket, key);
      const pieces: Buffer[] = [];
      for await (const piece of response) pieces.push(piece as Buffer);
      const content = Buffer.concat(pieces);
      compare(key, response, createHash('sha256').update(content).digest('hex'));
      return content;
    });
  }

  async getFile(key: string, file: string): Promise<void> {
    validateObjectKey(key);
    try {
      await this.repeat(key, async () => {
        const response = await this.client.getObject(this.settings.bucket, key);
        const hash = createHash('sha256');
        await pipeline(response, hashedPieces(hash), createWriteStream(file));
        compare(key, response, hash.digest('hex'));
      });
    } catch (error) {
      await rm(file, { force: true });
      throw error;
    }
  }

  async getRange(key: string, offset: number, length: number): Promise<Buffer> {
    validateObjectKey(key);
    if (length === 0) return Buffer.alloc(0);
    return this.repeat(key, async () => {
      const response = await this.client.getPartialObject(this.settings.bucket, key, offset, length);
      const pieces: Buffer[] = [];
      for await (const piece of response) pieces.push(piece as Buffer);
      return Buffer.concat(pieces);
    });
  }

  async has(key: string): Promise<boolean> {
    try {
      await this.describe(key);
      return true;
    } catch (error) {
      if (HyperswapError.is(error, 'OBJECT_NOT_FOUND')) return false;
      throw error;
    }
  }

  async describe(key: string): Promise<ObjectFacts> {
    validateObjectKey(key);
    const { size, etag } = await this.repeat(key, () => this.client.statObject(this.settings.bucket, key));
    return { bytes: size, version: etag };
  }

  async list(prefix: string): Promise<StoredObject[]> {
    validateObjectPrefix(prefix);
    return this.repeat(prefix, async () => {
      const found: StoredObject[] = [];
      const items: AsyncIterable<BucketItem> = this.client.listObjectsV2(this.settings.bucket, prefix, true);
      for await (const { name, size } of items) {
        // Objects of other programs, under other names, are ignored.
        if (name !== undefined && isObjectKey(name)) found.push({ key: name, bytes: size });
      }
      return found.sort((a, b) => (a.key < b.key ? -1 : 1));
    });
  }

  async delete(key: string): Promise<void> {
    validateObjectKey(key);
    await this.repeat(key, () => this.client.removeObject(this.settings.bucket, key));
  }

  async probe(milliseconds: number): Promise<void> {
    const { bucket } = this.settings;
    try {
      this.probeSignal = AbortSignal.timeout(milliseconds);
      const isThere = await this.prober.bucketExists(bucket);
      if (!isThere) throw failure('STORE_UNREACHABLE', { reason: `there is no bucket ${bucket}` });
    } catch (cause) {
      throw translate('', cause);
    }
  }

  close(): Promise<void> {
    this.closing.abort(failure('CANCELLED', { what: 'The request to the object store' }));
    return Promise.resolve();
  }

  /** @param signal ends requests, whether or not the server is still connected */
  private connect(signal?: () => AbortSignal | undefined): Client {
    const { endpoint, accessKey, secretKey } = this.settings;
    const { protocol, hostname, port } = new URL(endpoint);
    const useSSL = protocol === 'https:';
    return new Client({
      endPoint: hostname,
      port: port === '' ? undefined : Number(port),
      useSSL,
      transportAgent: this.agent,
      accessKey,
      secretKey,
      partSize: partBytes,
      ...(signal && { transport: withSignal(useSSL ? https.request : http.request, signal) }),
      // Retries happen here, because this code knows which requests may be repeated.
      retryOptions: { disableRetry: true },
    });
  }

  private async upload(
    key: string,
    checksum: string,
    size: number,
    { onlyIfAbsent = false }: PutOptions,
    open: () => Buffer | Readable,
  ): Promise<void> {
    const { bucket } = this.settings;
    // Detects our own object if the answer to the first attempt was lost.
    const writer = randomUUID();
    const metadata = { 'x-amz-meta-sha256': checksum, 'x-amz-meta-writer': writer };
    const condition: Record<string, string> = onlyIfAbsent ? { 'If-None-Match': '*' } : {};
    let attempts = 0;
    await this.repeat(key, async () => {
      attempts += 1;
      try {
        await this.client.putObject(bucket, key, open(), size, { ...metadata, ...condition });
      } catch (error) {
        if (attempts === 1 || (error as { code?: string }).code !== 'PreconditionFailed') throw error;
        const { metaData } = await this.client.statObject(bucket, key);
        if ((metaData as Record<string, string>).writer !== writer) throw error;
      }
    });
  }

  /** Retries a request while it gets no answer. @throws its failure as a catalogued error */
  private async repeat<Result>(key: string, request: () => Promise<Result>): Promise<Result> {
    try {
      return await pRetry(request, {
        retries: 20,
        minTimeout: 100,
        maxTimeout: 2000,
        maxRetryTime: patienceMilliseconds,
        randomize: true,
        signal: this.closing.signal,
        shouldRetry: ({ error }) => isPassing(error),
      });
    } catch (cause) {
      throw translate(key, cause);
    }
  }
}

/** Returns a way to make requests that end with a signal, which is asked for as each of them begins. */
function withSignal(request: typeof http.request, signal: () => AbortSignal | undefined): Pick<typeof http, 'request'> {
  const limited = (
    options: http.RequestOptions,
    onResponse?: (response: http.IncomingMessage) => void,
  ): http.ClientRequest => request({ ...options, signal: signal() }, onResponse);
  return { request: limited as typeof http.request };
}

/** @throws OBJECT_DAMAGED when content is not what was written */
function compare(key: string, response: Readable, found: string): void {
  // The client's stream is the answer itself.
  const { headers } = response as unknown as { readonly headers: Readonly<Record<string, string | undefined>> };
  const wanted = headers['x-amz-meta-sha256'];
  if (wanted === found) return;
  const reason = wanted === undefined ? 'it has no checksum' : 'its checksum does not match its content';
  throw failure('OBJECT_DAMAGED', { key, reason });
}
