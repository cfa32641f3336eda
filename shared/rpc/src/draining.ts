/** Signals of draining, by call. */
const signals = new WeakMap<object, AbortSignal>();
const neverDraining = new AbortController().signal;

/** Tells the handler of a call when the server drains. @param signal aborted then, with DRAINING as its reason */
export function attachDraining(call: object, signal: AbortSignal): void {
  signals.set(call, signal);
}

/** Returns the signal that was attached to a call; one that is never aborted when there is none. */
export function drainingOf(call: object): AbortSignal {
  return signals.get(call) ?? neverDraining;
}
