/** Calls of any RPC with bytes, as a client makes them that keeps to no contract. */
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import type { DescMethod } from '@bufbuild/protobuf';
import { toHyperswapError, type HyperswapError } from '@hyperswap/errors';
import { readStream } from '@hyperswap/rpc';

/** End of a call. */
export type Outcome =
  | { readonly end: 'answered'; readonly responses: readonly Buffer[] }
  | { readonly end: 'failed'; readonly error: HyperswapError; readonly trailerBytes: number }
  /** Nothing came in time. */
  | { readonly end: 'silent' };

/** Milliseconds without another response after which a stream is left. */
const quietMilliseconds = 400;
/** Responses after which a stream is left. */
const enoughResponses = 50;

const same = (bytes: Buffer): Buffer => bytes;

/** Client of a server that speaks without TLS. */
export class RawClient {
  private readonly client: Client;

  constructor(endpoint: string) {
    this.client = new Client(endpoint, credentials.createInsecure());
  }

  close(): void {
    this.client.close();
  }

  /** @param milliseconds that the first response, or the end, may take */
  call({ parent, name }: DescMethod, requests: readonly Buffer[], milliseconds: number): Promise<Outcome> {
    return this.callPath(`/${parent.typeName}/${name}`, requests, milliseconds);
  }

  /** Calls a path. Every kind of call is a stream of requests and one of responses on the wire. */
  async callPath(path: string, requests: readonly Buffer[], milliseconds: number): Promise<Outcome> {
    const responses: Buffer[] = [];
    const leaving = new AbortController();
    const call = this.client.makeBidiStreamRequest(path, same, same);
    let timer = setTimeout(() => leaving.abort(), milliseconds);
    for (const request of requests) call.write(request);
    call.end();
    try {
      for await (const response of readStream<Buffer>(this.client, call, leaving.signal)) {
        responses.push(response);
        if (responses.length === enoughResponses) break;
        clearTimeout(timer);
        timer = setTimeout(() => leaving.abort(), quietMilliseconds);
      }
      return { end: 'answered', responses };
    } catch (thrown) {
      if (leaving.signal.aborted) return responses.length > 0 ? { end: 'answered', responses } : { end: 'silent' };
      const error = toHyperswapError(thrown);
      return { end: 'failed', error, trailerBytes: trailerBytes(error.cause) };
    } finally {
      clearTimeout(timer);
    }
  }
}

function trailerBytes(cause: unknown): number {
  const { metadata, details } = cause as Partial<ServiceError>;
  const fields = Object.entries(metadata?.toHttp2Headers() ?? {});
  const inMetadata = fields.reduce((sum, [name, value]) => sum + name.length + String(value).length, 0);
  return inMetadata + Buffer.byteLength(details ?? '');
}
