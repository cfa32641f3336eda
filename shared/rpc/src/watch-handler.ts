import type { handleServerStreamingCall } from '@grpc/grpc-js';
import { serverStreamHandler, type CallContext } from './handlers.js';

/**
 * Handler of a method that tells news for as long as its client listens. Its work has no end to wait for, so that it ends with DRAINING as soon as the server
 * drains, and the client can go on elsewhere.
 *
 * @param method ends when its signal is aborted: the client has left, or the server drains
 */
export function watchHandler<Request, Response>(
  method: (request: Request, context: CallContext) => AsyncIterable<Response>,
): handleServerStreamingCall<Request, Response> {
  return serverStreamHandler(async function* (request: Request, { signal, draining }) {
    const over = new AbortController();
    const end = (): void => over.abort();
    const sources = [signal, draining];
    for (const source of sources) source.addEventListener('abort', end, { once: true });
    if (sources.some(({ aborted }) => aborted)) end();
    try {
      yield* method(request, { signal: over.signal, draining });
    } finally {
      for (const source of sources) source.removeEventListener('abort', end);
    }
    if (!signal.aborted) draining.throwIfAborted();
  });
}
