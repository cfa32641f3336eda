import { useEffect, useState } from 'preact/hooks';
import { isCancelled, shownError, type ShownError } from '../api/error-text.js';

/** Value that is loaded, or why it cannot be. */
export interface Loaded<Value> {
  readonly value?: Value | undefined;
  readonly error?: ShownError | undefined;
  readonly isLoading: boolean;
  readonly reload: () => void;
}

/**
 * Loads a value, again whenever an input changes; the load before is cancelled then.
 *
 * @param inputs as in `useEffect`; undefined loads nothing
 */
export function useLoaded<Value>(
  load: (signal: AbortSignal) => Promise<Value>,
  inputs: readonly unknown[] | undefined,
): Loaded<Value> {
  const [state, setState] = useState<Omit<Loaded<Value>, 'reload'>>({ isLoading: inputs !== undefined });
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (inputs === undefined) {
      setState({ isLoading: false });
      return undefined;
    }
    const stop = new AbortController();
    setState(({ value }) => ({ value, isLoading: true }));
    load(stop.signal).then(
      (value) => {
        if (!stop.signal.aborted) setState({ value, isLoading: false });
      },
      (error: unknown) => {
        if (!stop.signal.aborted && !isCancelled(error)) setState({ error: shownError(error), isLoading: false });
      },
    );
    return () => stop.abort();
  }, [...(inputs ?? []), inputs === undefined, round]);
  return { ...state, reload: () => setRound(round + 1) };
}

/** Work that a button starts. */
export interface Action {
  readonly isBusy: boolean;
  readonly error?: ShownError | undefined;
  readonly run: (work: () => Promise<void>) => void;
  /** Takes the error away. */
  readonly forget: () => void;
}

/** Runs work at a user's wish, one at a time, and keeps its error. */
export function useAction(): Action {
  const [state, setState] = useState<{ isBusy: boolean; error?: ShownError }>({ isBusy: false });
  return {
    ...state,
    forget: () => setState({ isBusy: false }),
    run: (work) => {
      setState({ isBusy: true });
      work().then(
        () => setState({ isBusy: false }),
        (error: unknown) =>
          setState(isCancelled(error) ? { isBusy: false } : { isBusy: false, error: shownError(error) }),
      );
    },
  };
}
