/** Signals that ask a process to stop: Ctrl-C, a supervisor, and a terminal or SSH connection that closes. */
export const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs a function at the first of each stop signal. The second of the same signal ends the process at once, as without
 * a listener.
 *
 * @returns a function that removes the listeners
 */
export function onStopSignal(run: (signal: NodeJS.Signals) => void): () => void {
  for (const signal of stopSignals) process.once(signal, run);
  return () => {
    for (const signal of stopSignals) process.off(signal, run);
  };
}
