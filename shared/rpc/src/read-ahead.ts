import { ResponderBuilder, ServerInterceptingCall, ServerListenerBuilder } from '@grpc/grpc-js';
import type { Metadata, Responder, ServerInterceptingCallInterface, ServerInterceptor } from '@grpc/grpc-js';

/**
 * Requests of a stream that are read before the handler takes them. gRPC's own bound is 16, which can be a gigabyte.
 */
const requestsAhead = 1;

/** Requests of one stream that are read and not taken, and the reading of the next. */
class Pace {
  private waiting = 0;
  private isHeld = false;

  /** @param read reads the next request */
  constructor(private readonly read: () => void) {}

  /** The stream wants the next request. */
  wanted(): void {
    this.isHeld = true;
    this.go();
  }

  /** A request was read. */
  received(): void {
    this.waiting += 1;
  }

  /** The handler took a request. */
  taken(): void {
    this.waiting -= 1;
    this.go();
  }

  private go(): void {
    if (!this.isHeld || this.waiting >= requestsAhead) return;
    this.isHeld = false;
    this.read();
  }
}

/** By the metadata of a call, which interceptors and handlers share. */
const paces = new WeakMap<Metadata, Pace>();

class PacedCall extends ServerInterceptingCall {
  constructor(
    call: ServerInterceptingCallInterface,
    responder: Responder,
    private readonly pace: Pace,
  ) {
    super(call, responder);
  }

  override startRead(): void {
    this.pace.wanted();
  }
}

/**
 * Reads the requests of a stream as the handler takes them. What a client sends beyond that waits in its own memory, by
 * HTTP/2's flow control. The handler must call {@link requestTaken} for each request.
 */
export const readAhead: ServerInterceptor = ({ requestStream }, call) => {
  if (!requestStream) return new ServerInterceptingCall(call);
  const pace = new Pace(() => call.startRead());
  const listener = new ServerListenerBuilder()
    .withOnReceiveMetadata((metadata, next) => {
      paces.set(metadata, pace);
      next(metadata);
    })
    .withOnReceiveMessage((message: unknown, next) => {
      pace.received();
      next(message);
    })
    .build();
  const responder = new ResponderBuilder().withStart((next) => next(listener)).build();
  return new PacedCall(call, responder, pace);
};

/** Tells that a handler took a request of a stream, so that the next may be read. @param metadata of the call */
export function requestTaken(metadata: Metadata): void {
  paces.get(metadata)?.taken();
}
