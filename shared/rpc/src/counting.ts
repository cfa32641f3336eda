/** Count of all calls to a server, by method and code. */
import {
  ServerInterceptingCall,
  ServerListenerBuilder,
  ResponderBuilder,
  status as grpcCodes,
  type Server,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import { instruments } from '@hyperswap/telemetry';
import { codeOf } from './status.js';

/** Metric label for unknown methods, because clients may send any path. */
const unknownMethod = 'unknown';

/**
 * Counts calls, no matter what ends them: a handler, an interceptor, gRPC itself, or the client. It must be the first
 * interceptor, which is the nearest to the connection.
 *
 * @param isKnown tells if the server has the method of a path
 */
export function countCalls(isKnown: (path: string) => boolean): ServerInterceptor {
  return ({ path }, call) => {
    const method = isKnown(path) ? path.slice(1) : unknownMethod;
    const start = performance.now();
    let isCounted = false;
    const count = (code: string): void => {
      if (isCounted) return;
      isCounted = true;
      const { calls, callSeconds } = instruments();
      calls.add(1, { method, code });
      callSeconds.record((performance.now() - start) / 1000, { method });
    };
    // gRPC itself ends calls on this object, for example if a message is too large. Responders are not notified of
    // these.
    const send = call.sendStatus.bind(call);
    call.sendStatus = (status) => {
      count(codeOf(status));
      send(status);
    };
    const cancelled = (): void => count(Number(call.getDeadline()) <= Date.now() ? 'DEADLINE' : 'CANCELLED');
    const listener = new ServerListenerBuilder().withOnCancel(cancelled).build();
    const responder = new ResponderBuilder().withStart((next) => next(listener)).build();
    return new ServerInterceptingCall(call, responder);
  };
}

/** Refuses calls of methods that the server does not have. */
export function refuseUnknown(isKnown: (path: string) => boolean): ServerInterceptor {
  return ({ path }, call) => {
    if (isKnown(path)) return new ServerInterceptingCall(call);
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata(() => {
        call.sendStatus({
          code: grpcCodes.UNIMPLEMENTED,
          details: `The server does not implement the method ${path}`,
        });
      })
      .build();
    const responder = new ResponderBuilder().withStart((next) => next(listener)).build();
    return new ServerInterceptingCall(call, responder);
  };
}

/** Handler as a server keeps it. */
interface KeptHandler {
  readonly func: () => void;
  readonly serialize: () => Buffer;
  readonly deserialize: (bytes: Buffer) => Buffer;
  readonly type: 'unary';
  readonly path: string;
}

/** Handlers by path, with one for every other path. */
class HandlersAndOther extends Map<string, unknown> {
  override get(path: string): unknown {
    return super.get(path) ?? otherHandler(path);
  }
}

/**
 * Routes calls of unknown methods to the interceptors. gRPC would answer them before any of these, and the table of
 * handlers, which is not public, is the only place to see them.
 */
export function passUnknown(server: Server): void {
  const kept = server as unknown as { handlers: Map<string, unknown> };
  kept.handlers = new HandlersAndOther(kept.handlers);
}

function otherHandler(path: string): KeptHandler {
  return {
    // An interceptor has refused the call.
    func: () => undefined,
    serialize: () => Buffer.alloc(0),
    deserialize: (bytes) => bytes,
    type: 'unary',
    path,
  };
}
