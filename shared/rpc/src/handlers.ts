/** Service methods as plain async functions: errors, cancellation, deadlines and back-pressure are dealt with here, once. */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServerWritableStream,
} from '@grpc/grpc-js';
import { failure, HyperswapError } from '@hyperswap/errors';
import { toStatus } from './status.js';

export interface CallContext {
  /** Aborted when the client cancels or goes away, or its deadline passes. */
  readonly signal: AbortSignal;
}

interface ServerCall {
  on(event: 'cancelled', listener: () => void): unknown;
  getDeadline(): Date | number;
}

function contextOf(call: ServerCall): CallContext {
  const controller = new AbortController();
  call.on('cancelled', () => {
    const late = Number(call.getDeadline()) <= Date.now();
    controller.abort(failure(late ? 'DEADLINE' : 'CANCELLED', { what: 'The call' }));
  });
  return { signal: controller.signal };
}

/** One request, one response. */
export function unaryHandler<Request, Response>(
  method: (request: Request, context: CallContext) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    method(call.request, contextOf(call)).then(
      (response) => {
        callback(null, response);
      },
      (error: unknown) => {
        callback(toStatus(error));
      },
    );
  };
}

/** A stream of requests, one response. */
export function clientStreamHandler<Request, Response>(
  method: (requests: AsyncIterable<Request>, context: CallContext) => Promise<Response>,
): handleClientStreamingCall<Request, Response> {
  return (call, callback) => {
    method(requestsOf<Request>(call), contextOf(call)).then(
      (response) => {
        callback(null, response);
      },
      (error: unknown) => {
        callback(toStatus(error));
      },
    );
  };
}

/** One request, a stream of responses. */
export function serverStreamHandler<Request, Response>(
  method: (request: Request, context: CallContext) => AsyncIterable<Response>,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    const context = contextOf(call);
    void send(call, method(call.request, context), context.signal);
  };
}

/** A stream of requests, a stream of responses. */
export function bidiStreamHandler<Request, Response>(
  method: (requests: AsyncIterable<Request>, context: CallContext) => AsyncIterable<Response>,
): handleBidiStreamingCall<Request, Response> {
  return (call) => {
    const context = contextOf(call);
    const responses = method(requestsOf<Request>(call), context);
    void send(call as unknown as ServerWritableStream<Request, Response>, responses, context.signal);
  };
}

/** Requests of a call. Plain iteration would destroy the stream after the last one, and with it the way to answer. */
function requestsOf<Request>(call: Readable): AsyncIterable<Request> {
  return call.iterator({ destroyOnReturn: false });
}

/** Writes responses as fast as the client reads them. */
async function send<Request, Response>(
  call: ServerWritableStream<Request, Response>,
  responses: AsyncIterable<Response>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const response of responses) {
      if (signal.aborted) return;
      if (!call.write(response)) await once(call, 'drain', { signal });
    }
    call.end();
  } catch (error) {
    if (signal.aborted && !(error instanceof HyperswapError)) return;
    call.emit('error', toStatus(error));
  }
}
