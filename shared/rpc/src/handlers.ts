/**
 * Service methods as plain async functions. Errors, cancellation, deadlines, draining and back-pressure are handled
 * here.
 */
import type { Readable } from 'node:stream';
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Metadata,
  sendUnaryData,
  ServerWritableStream,
} from '@grpc/grpc-js';
import { failure, HyperswapError, toHyperswapError } from '@hyperswap/errors';
import { drainingOf, untilDrained } from './draining.js';
import { requestTaken } from './read-ahead.js';
import { toStatus } from './status.js';
import { traceAnswer } from './tracing.js';
import { UndecodableRequest } from './undecodable.js';

export interface CallContext {
  /** Aborted when the client cancels or disconnects, or its deadline passes. */
  readonly signal: AbortSignal;
  /** Aborted when the server drains, with DRAINING as its reason. Long work ends or moves to another process. */
  readonly draining: AbortSignal;
  /** Address of the client's connection, for example `127.0.0.1:53211`. */
  readonly peer: string;
}

interface ServerCall {
  on(event: 'cancelled', listener: () => void): unknown;
  getDeadline(): Date | number;
  getPeer(): string;
}

function contextOf(call: ServerCall): CallContext {
  const controller = new AbortController();
  call.on('cancelled', () => {
    const late = Number(call.getDeadline()) <= Date.now();
    controller.abort(failure(late ? 'DEADLINE' : 'CANCELLED', { what: 'The call' }));
  });
  return { signal: controller.signal, draining: drainingOf(call).begun, peer: call.getPeer() };
}

/** Makes a handler of a method with one request and one response. */
export function unaryHandler<Request, Response>(
  method: (request: Request, context: CallContext) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    void traceAnswer(call, () => answer(async () => method(decoded(call.request), contextOf(call)), callback));
  };
}

/** Makes a handler of a method with a stream of requests and one response. */
export function clientStreamHandler<Request, Response>(
  method: (requests: AsyncIterable<Request>, context: CallContext) => Promise<Response>,
): handleClientStreamingCall<Request, Response> {
  return (call, callback) => {
    void traceAnswer(call, () => answer(async () => method(requestsOf<Request>(call), contextOf(call)), callback));
  };
}

/** Makes a handler of a method with one request and a stream of responses. */
export function serverStreamHandler<Request, Response>(
  method: (request: Request, context: CallContext) => AsyncIterable<Response>,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    const context = contextOf(call);
    void traceAnswer(call, () => send(call, () => method(decoded(call.request), context), context.signal));
  };
}

/** Makes a handler of a method with a stream of requests and a stream of responses. */
export function bidiStreamHandler<Request, Response>(
  method: (requests: AsyncIterable<Request>, context: CallContext) => AsyncIterable<Response>,
): handleBidiStreamingCall<Request, Response> {
  return (call) => {
    const context = contextOf(call);
    const responses = () => method(requestsOf<Request>(call), context);
    const writable = call as unknown as ServerWritableStream<Request, Response>;
    void traceAnswer(call, () => send(writable, responses, context.signal));
  };
}

/** @throws MESSAGE_INVALID for bytes that are not a message of the method */
function decoded<Request>(request: Request | UndecodableRequest): Request {
  if (request instanceof UndecodableRequest) throw request.error;
  return request;
}

/**
 * Requests of a call. Plain iteration would destroy the stream after the last one, and no answer could be sent any
 * more.
 */
async function* requestsOf<Request>(
  call: Readable & { readonly metadata: Metadata },
): AsyncGenerator<Request, void, undefined> {
  const received = call.iterator({ destroyOnReturn: false }) as AsyncIterable<Request | UndecodableRequest>;
  for await (const request of untilDrained(received, drainingOf(call))) {
    requestTaken(call.metadata);
    yield decoded(request);
  }
}

/** @returns the error that the call ended with */
async function answer<Response>(method: () => Promise<Response>, callback: sendUnaryData<Response>): Promise<unknown> {
  const [error, response] = await method().then(
    (value) => [undefined, value] as const,
    (thrown: unknown) => [toHyperswapError(thrown), undefined] as const,
  );
  callback(error === undefined ? null : toStatus(error), response);
  return error;
}

/**
 * Responses that are written before the client has taken them: one on its way and the next. gRPC's own bound is a
 * number of messages too, but 16 of them, which can be 64 MiB.
 */
const responsesAhead = 2;

/** Writes responses as fast as the client reads them. @returns the error that the call ended with */
async function send<Request, Response>(
  call: ServerWritableStream<Request, Response>,
  respond: () => AsyncIterable<Response>,
  signal: AbortSignal,
): Promise<unknown> {
  const isOver = (): boolean => signal.aborted;
  let ahead = 0;
  let taken: () => void = () => undefined;
  // An ended call yields no more responses.
  signal.addEventListener('abort', () => taken(), { once: true });
  try {
    for await (const response of respond()) {
      if (isOver()) return signal.reason;
      ahead += 1;
      call.write(response, () => {
        ahead -= 1;
        taken();
      });
      while (ahead >= responsesAhead && !isOver()) await new Promise<void>((resolve) => (taken = resolve));
    }
    call.end();
    return undefined;
  } catch (error) {
    if (signal.aborted && !(error instanceof HyperswapError)) return signal.reason;
    // Node destroys a stream whose requests are still waited for at the error, and a status behind a message on its way
    // with it.
    while (ahead > 0 && !isOver()) await new Promise<void>((resolve) => (taken = resolve));
    call.emit('error', toStatus(error));
    return error;
  }
}
