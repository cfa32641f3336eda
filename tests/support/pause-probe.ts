/** Measures pauses of the event loop from inside a process. */
import { openSync, readSync } from 'node:fs';

/** Sampling interval in milliseconds. */
const interval = 5;

/** Interval between two samples without any other work of the thread, in milliseconds. */
export interface Pause {
  /** Processor time of the thread in this interval. */
  readonly computed: number;
  /** Time on the clock, waiting for a processor included. */
  readonly elapsed: number;
}

/**
 * Watches the event loop of this process's main thread. What blocks it computes: so the measure is processor time of
 * the thread, which does not grow when other processes of a shared machine have the processors. Linux tells it in
 * `/proc/self/schedstat` (Documentation/scheduler/sched-stats); elsewhere the time on the clock counts.
 *
 * @param onPause is told each pause
 */
export function watchPauses(onPause: (pause: Pause) => void): void {
  const processorTime = openProcessorTime();
  let last = performance.now();
  let lastComputed = processorTime();
  setInterval(() => {
    const now = performance.now();
    const computed = processorTime();
    onPause({ computed: computed - lastComputed, elapsed: now - last - interval });
    last = now;
    lastComputed = computed;
  }, interval).unref();
}

/** Returns the pause in which more was computed. */
export function longer(one: Pause, other: Pause): Pause {
  return other.computed > one.computed ? other : one;
}

/** Returns a clock of the milliseconds that this process's main thread had a processor. */
function openProcessorTime(): () => number {
  let file: number;
  try {
    file = openSync('/proc/self/schedstat', 'r');
  } catch {
    return () => performance.now();
  }
  const text = Buffer.alloc(128);
  return () => parseInt(text.toString('latin1', 0, readSync(file, text, 0, text.length, 0))) / 1e6;
}
