import {
  ResponderBuilder,
  ServerInterceptingCall,
  ServerListenerBuilder,
  type handleUnaryCall,
  type ServerInterceptor,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { failure } from '@hyperswap/errors';
import { attachDraining } from './draining.js';
import type { IdleConnections } from './idle-connections.js';
import { toStatus } from './status.js';

/**
 * Admission of calls to a server. It counts open calls, refuses new ones once the server drains, and ends calls whose request
 * does not arrive.
 */
export class Admission {
  private readonly controller = new AbortController();
  private open = 0;
  private whenIdle: () => void = () => undefined;

  /**
   * @param exempt beginning of the paths of calls that are admitted while the server drains
   * @param connections is told when a call of a connection begins and ends
   * @param requestMilliseconds time for the one request of a method that takes no stream
   */
  constructor(
    private readonly exempt: string,
    private readonly connections: IdleConnections,
    private readonly requestMilliseconds: number,
  ) {}

  /** Refuses further calls with DRAINING, except exempt ones, and aborts the draining signal of open calls. */
  drain(): void {
    this.controller.abort(failure('DRAINING', {}));
  }

  /** Resolves when no call is open. Call it after `drain`. */
  async idle(): Promise<void> {
    if (this.open === 0) return;
    await new Promise<void>((resolve) => {
      this.whenIdle = resolve;
    });
  }

  /** Returns the methods of a service with the draining signal attached to each call. */
  attach(implementation: UntypedServiceImplementation): UntypedServiceImplementation {
    const { signal } = this.controller;
    return Object.fromEntries(
      Object.entries(implementation).map(([name, method]) => {
        const handler = method as handleUnaryCall<unknown, unknown>;
        const attached: typeof handler = (call, callback) => {
          attachDraining(call, signal);
          handler(call, callback);
        };
        return [name, attached] as const;
      }),
    );
  }

  readonly interceptor: ServerInterceptor = ({ path, requestStream }, call) => {
    this.open += 1;
    const leave = this.connections.enter(call.getPeer());
    let isOpen = true;
    const end = (): void => {
      clearTimeout(deadline);
      if (!isOpen) return;
      isOpen = false;
      this.open -= 1;
      leave();
      if (this.open === 0) this.whenIdle();
    };
    const refuseWith = (error: unknown): void => {
      end();
      call.sendStatus(toStatus(error));
    };
    const deadline = requestStream
      ? undefined
      : setTimeout(
          () => refuseWith(failure('DEADLINE', { what: 'Sending the request' })),
          this.requestMilliseconds,
        ).unref();
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        const { signal } = this.controller;
        if (signal.aborted && !path.startsWith(this.exempt)) refuseWith(signal.reason);
        else next(metadata);
      })
      .withOnReceiveHalfClose((next) => {
        clearTimeout(deadline);
        next();
      })
      .withOnCancel(end)
      .build();
    const responder = new ResponderBuilder()
      .withStart((next) => next(listener))
      .withSendStatus((status, next) => {
        end();
        next(status);
      })
      .build();
    return new ServerInterceptingCall(call, responder);
  };
}
