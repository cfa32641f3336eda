import type { KeyValue } from './bus.js';

/** Every process looks so often, more or less, for what is to be cleared away. */
const sweepMilliseconds = 300_000;

export interface SweeperOptions<Value> {
  readonly state: KeyValue<Value>;
  readonly isOld: (value: Value) => boolean;
  /** Deletes what belongs to a key outside the state; repeated when a process dies over it, so it must not mind what is gone. */
  readonly clear: (key: string) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/**
 * Clears away old entries of shared state, at once and then every five minutes, not all processes at the same time.
 *
 * @returns the way to stop, done when nothing is being cleared any more
 */
export function startSweeper<Value>({ state, isOld, clear, onError }: SweeperOptions<Value>): () => Promise<void> {
  const sweep = async (): Promise<void> => {
    try {
      for (const { key, value } of await state.list()) {
        if (!isOld(value)) continue;
        await clear(key);
        await state.delete(key);
      }
    } catch (error) {
      onError(error);
    }
  };
  let current = sweep();
  const timer = setInterval(
    () => {
      current = current.then(sweep);
    },
    sweepMilliseconds * (0.75 + 0.5 * Math.random()),
  );
  timer.unref();
  return () => {
    clearInterval(timer);
    return current;
  };
}
