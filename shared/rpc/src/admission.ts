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
 * Admission of calls to a server. It counts open calls, refuses new ones once the server drains, and ends calls whose
 * request does not arrive.
 */
export class Admission {
  private readonly draining = new AbortController();
  private readonly closing = new AbortController();
  /** Functions that end the open calls with an error. */
  private readonly open = new Set<(error: unknown) => void>();
  private whenIdle: () => void = () => undefined;

  /**
   * @param exempt beginning of the paths of calls that are admitted while the server drains
   * @param connections notified when a call of a connection begins and ends
   * @param requestMilliseconds time for the one request of a method that takes no stream
   */
  constructor(
    private readonly exempt: string,
    private readonly connections: IdleConnections,
    private readonly requestMilliseconds: number,
  ) {}

  /**
   * Refuses further calls with DRAINING, except exempt ones, and aborts the draining signal of open calls.
   *
   * @param sendingMilliseconds time in which streams of requests may still continue
   */
  drain(sendingMilliseconds: number): void {
    this.draining.abort(failure('DRAINING', {}));
    setTimeout(() => this.closing.abort(failure('DRAINING', {})), sendingMilliseconds).unref();
  }

  /** Resolves when no call is open. Call it after `drain`. */
  async idle(): Promise<void> {
    if (this.open.size === 0) return;
    await new Promise<void>((resolve) => {
      this.whenIdle = resolve;
    });
  }

  /** Ends the calls that are still open with DRAINING, so that their clients call elsewhere. */
  cutOff(): void {
    for (const endWith of this.open) endWith(this.draining.signal.reason);
  }

  /** Returns the methods of a service with the signals of draining attached to each call. */
  attach(implementation: UntypedServiceImplementation): UntypedServiceImplementation {
    const draining = { begun: this.draining.signal, closing: this.closing.signal };
    return Object.fromEntries(
      Object.entries(implementation).map(([name, method]) => {
        const handler = method as handleUnaryCall<unknown, unknown>;
        const attached: typeof handler = (call, callback) => {
          attachDraining(call, draining);
          handler(call, callback);
        };
        return [name, attached] as const;
      }),
    );
  }

  readonly interceptor: ServerInterceptor = ({ path, requestStream }, call) => {
    const leave = this.connections.enter(call.getPeer());
    const endWith = (error: unknown): void => {
      end();
      call.sendStatus(toStatus(error));
    };
    const end = (): void => {
      clearTimeout(deadline);
      if (!this.open.delete(endWith)) return;
      leave();
      if (this.open.size === 0) this.whenIdle();
    };
    this.open.add(endWith);
    const deadline = requestStream
      ? undefined
      : setTimeout(
          () => endWith(failure('DEADLINE', { what: 'Sending the request' })),
          this.requestMilliseconds,
        ).unref();
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        const { signal } = this.draining;
        if (signal.aborted && !path.startsWith(this.exempt)) endWith(signal.reason);
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
