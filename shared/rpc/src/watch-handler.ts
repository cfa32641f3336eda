import type { handleServerStreamingCall } from '@grpc/grpc-js';
import { serverStreamHandler, type CallContext } from './handlers.js';

/**
 * Makes a handler of a method that sends events while its client listens. It ends with DRAINING as soon as the server
 * drains, and the client can watch elsewhere.
 *
 * @param method ends when its signal is aborted, because the client has left or the server drains
 */
export function watchHandler<Request, Response>(
  method: (request: Request, context: CallContext) => AsyncIterable<Response>,
): handleServerStreamingCall<Request, Response> {
  return serverStreamHandler(async function* (request: Request, context) {
    const { signal, draining } = context;
    const over = new AbortController();
    const end = (): void => over.abort();
    const sources = [signal, draining];
    for (const source of sources) source.addEventListener('abort', end, { once: true });
    if (sources.some(({ aborted }) => aborted)) end();
    try {
      yield* method(request, { ...context, signal: over.signal });
    } finally {
      for (const source of sources) source.removeEventListener('abort', end);
    }
    if (!signal.aborted) draining.throwIfAborted();
  });
}
