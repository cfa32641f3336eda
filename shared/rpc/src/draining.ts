/** Timeout between two requests of a stream while the server drains, in milliseconds. */
const silenceMilliseconds = 1_000;

/** Signals of a server that drains. Both have DRAINING as their reason. */
export interface Draining {
  /** Aborted when the server begins to drain. */
  readonly begun: AbortSignal;
  /** Aborted when clients that still send have to stop, early enough that what they sent can be answered. */
  readonly closing: AbortSignal;
}

/** Signals of draining, by call. */
const signals = new WeakMap<object, Draining>();
const never = new AbortController().signal;
const neverDraining: Draining = { begun: never, closing: never };

/** Attaches the signals of its server to a call before its handler runs. */
export function attachDraining(call: object, draining: Draining): void {
  signals.set(call, draining);
}

/** Returns the signals that were attached to a call, or such as are never aborted. */
export function drainingOf(call: object): Draining {
  return signals.get(call) ?? neverDraining;
}

/**
 * Passes on the requests of a stream. A client that keeps its stream open without sending anything would delay a drain
 * for the whole grace period. During a drain, a timeout therefore ends the requests. A client that continues sending
 * may finish until the server closes. Then its requests end, so that those it sent before are answered and not cut off.
 *
 * @throws DRAINING
 */
export async function* untilDrained<Request>(
  requests: AsyncIterable<Request>,
  draining: Draining,
): AsyncGenerator<Request, void, undefined> {
  const iterator = requests[Symbol.asyncIterator]();
  let isLeft = false;
  try {
    for (;;) {
      const request = await unlessEnded(iterator.next(), draining);
      if (request === undefined) {
        isLeft = true;
        throw draining.begun.reason;
      }
      if (request.done === true) return;
      yield request.value;
    }
  } finally {
    // While a request is pending, closing the iterator would wait for it too.
    if (!isLeft) await iterator.return?.();
  }
}

/** Returns the pending value; undefined if the server closes, or if it drains and the value does not arrive soon. */
async function unlessEnded<Value>(next: Promise<Value>, { begun, closing }: Draining): Promise<Value | undefined> {
  if (closing.aborted) {
    // No caller waits for it any more.
    void next.catch(() => undefined);
    return undefined;
  }
  let timer: NodeJS.Timeout | undefined;
  let begin: () => void = () => undefined;
  let close: () => void = () => undefined;
  const end = new Promise<undefined>((resolve) => {
    close = () => resolve(undefined);
    begin = () => {
      timer = setTimeout(close, silenceMilliseconds);
    };
  });
  if (begun.aborted) begin();
  else begun.addEventListener('abort', begin, { once: true });
  closing.addEventListener('abort', close, { once: true });
  try {
    return await Promise.race([next, end]);
  } finally {
    clearTimeout(timer);
    begun.removeEventListener('abort', begin);
    closing.removeEventListener('abort', close);
  }
}
