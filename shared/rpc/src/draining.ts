/** Milliseconds that a client may stay silent in the middle of its requests while the server drains. */
const silenceMilliseconds = 1_000;

/** Signals of draining, by call. */
const signals = new WeakMap<object, AbortSignal>();
const neverDraining = new AbortController().signal;

/**
 * Attaches a signal to a call before its handler runs.
 *
 * @param signal aborted when the server drains, with DRAINING as its reason
 */
export function attachDraining(call: object, signal: AbortSignal): void {
  signals.set(call, signal);
}

/** Returns the signal that was attached to a call, or one that is never aborted. */
export function drainingOf(call: object): AbortSignal {
  return signals.get(call) ?? neverDraining;
}

/**
 * Passes on the requests of a stream. A client that keeps its stream open without sending anything would hold up a drain for the
 * whole grace: once the server drains, silence ends the requests. One that goes on sending may finish.
 *
 * @throws DRAINING
 */
export async function* untilDrained<Request>(
  requests: AsyncIterable<Request>,
  draining: AbortSignal,
): AsyncGenerator<Request, void, undefined> {
  const iterator = requests[Symbol.asyncIterator]();
  let isLeft = false;
  try {
    for (;;) {
      const request = await unlessSilent(iterator.next(), draining);
      if (request === undefined) {
        isLeft = true;
        throw draining.reason;
      }
      if (request.done === true) return;
      yield request.value;
    }
  } finally {
    // Where a request is still waited for, the iterator would wait for it too.
    if (!isLeft) await iterator.return?.();
  }
}

/** Returns what is waited for; undefined when the server drains and it does not come soon. */
async function unlessSilent<Value>(next: Promise<Value>, draining: AbortSignal): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined;
  let start: () => void = () => undefined;
  const silence = new Promise<undefined>((resolve) => {
    start = () => {
      timer = setTimeout(() => resolve(undefined), silenceMilliseconds);
    };
  });
  if (draining.aborted) start();
  else draining.addEventListener('abort', start, { once: true });
  try {
    return await Promise.race([next, silence]);
  } finally {
    clearTimeout(timer);
    draining.removeEventListener('abort', start);
  }
}
