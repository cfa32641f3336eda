import {
  Metadata,
  type CallOptions as GrpcCallOptions,
  type ChannelCredentials,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { once } from 'node:events';
import { channelCredentials, withToken, type ClientAccess } from './client-access.js';
import { fromServiceError } from './status.js';
import { maximumMessageBytes } from './server.js';
import { traceCalls } from './tracing.js';

type ClientConstructor<C> = new (address: string, channel: ChannelCredentials, options?: object) => C;

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds from now. @default 60_000 for unary calls, none for streams */
  readonly timeout?: number;
  /** Metadata of the request, such as the token of the user on whose behalf the call is made. */
  readonly metadata?: Metadata;
}

interface Cancellable {
  cancel(): void;
}

/** Spreads calls over all addresses of a name. With one connection, a client would always use the same pod. */
const serviceConfig = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] });

/**
 * Returns a client of one service at an endpoint, for example `localhost:7420` or `https://host:7420`. Connecting waits
 * for the first call. Where the name has several addresses, calls go to them in turn.
 */
export function connect<C extends Client>(
  constructor: ClientConstructor<C>,
  endpoint: string,
  access: ClientAccess = {},
): C {
  const { serverName, tokenFile } = access;
  return new constructor(endpoint.replace(/^https?:\/\//, ''), channelCredentials(endpoint, access), {
    'grpc.max_send_message_length': maximumMessageBytes,
    'grpc.service_config': serviceConfig,
    ...(serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName }),
    interceptors: [traceCalls, ...(tokenFile === undefined ? [] : [withToken(tokenFile)])],
  });
}

type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<GrpcCallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;
type MessagesOf<Method> =
  Method extends UnaryMethod<infer Request, infer Response> ? { request: Request; response: Response } : never;
type RequestOf<Method> = MessagesOf<Method>['request'];
type ResponseOf<Method> = MessagesOf<Method>['response'];

/**
 * Calls a unary method by its name.
 *
 * @throws the catalogued error the service answered with, SERVICE_UNREACHABLE, DEADLINE, CANCELLED
 */
export function callUnary<C extends Client, Name extends keyof C & string>(
  client: C,
  name: Name,
  request: RequestOf<C[Name]>,
  { signal, timeout = 60_000, metadata = new Metadata() }: CallOptions = {},
): Promise<ResponseOf<C[Name]>> {
  const method = client[name] as UnaryMethod<RequestOf<C[Name]>, ResponseOf<C[Name]>>;
  return new Promise((resolve, reject) => {
    const call = method.call(client, request, metadata, { deadline: Date.now() + timeout }, (error, response) => {
      release();
      if (error === null) resolve(response);
      else reject(fromServiceError(error, endpointOf(client)));
    });
    const release = cancelWith(signal, call);
  });
}

/** Responses of a server stream, with catalogued errors; leaving the loop cancels the call. */
export async function* readStream<Response>(
  client: Client,
  call: ClientReadableStream<Response>,
  signal?: AbortSignal,
): AsyncGenerator<Response, void, undefined> {
  const release = cancelWith(signal, call);
  let finished = false;
  try {
    for await (const response of call as AsyncIterable<Response>) yield response;
    finished = true;
  } catch (error) {
    throw fromServiceError(error, endpointOf(client));
  } finally {
    release();
    if (!finished) call.cancel();
  }
}

/**
 * Sends requests as fast as the server takes them while its responses are read.
 * An error of `requests` ends the call and is thrown to the reader.
 */
export async function* exchange<Request, Response>(
  client: Client,
  call: ClientDuplexStream<Request, Response>,
  requests: AsyncIterable<Request>,
  signal?: AbortSignal,
): AsyncGenerator<Response, void, undefined> {
  let failed: unknown;
  const sending = sendAll(call, requests).catch((error: unknown) => {
    failed = error;
    call.cancel();
  });
  try {
    yield* readStream(client, call, signal);
  } catch (error) {
    throw failed ?? error;
  }
  await sending;
}

/** Sends a stream of requests and waits for the one response. */
export function upload<Request, Response>(
  client: Client,
  open: (callback: (error: ServiceError | null, response: Response) => void) => ClientWritableStream<Request>,
  requests: AsyncIterable<Request>,
  signal?: AbortSignal,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const call = open((error, response) => {
      release();
      if (error === null) resolve(response);
      else reject(fromServiceError(error, endpointOf(client)));
    });
    const release = cancelWith(signal, call);
    sendAll(call, requests).catch((error: unknown) => {
      call.cancel();
      reject(error as Error);
    });
  });
}

async function sendAll<Request>(
  call: ClientWritableStream<Request> | ClientDuplexStream<Request, unknown>,
  requests: AsyncIterable<Request>,
): Promise<void> {
  const ended = new AbortController();
  const end = (): void => {
    ended.abort();
  };
  call.once('status', end).once('close', end);
  for await (const request of requests) {
    // After the end of the call, its error reaches the reader, and there is no receiver for more requests.
    if (ended.signal.aborted) return;
    if (!call.write(request)) await once(call, 'drain', { signal: ended.signal }).catch(() => undefined);
  }
  if (!ended.signal.aborted) call.end();
}

function cancelWith(signal: AbortSignal | undefined, call: Cancellable): () => void {
  const cancel = (): void => {
    call.cancel();
  };
  if (signal?.aborted === true) cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  return () => signal?.removeEventListener('abort', cancel);
}

function endpointOf(client: Client): string {
  return client.getChannel().getTarget().replace(/^dns:/, '');
}
