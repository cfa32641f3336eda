import { setImmediate } from 'node:timers/promises';

/** Work in steps, each of some milliseconds. */
export type WorkSteps<Result> = Generator<void, Result>;

/** Milliseconds of work between two yields to the event loop. */
const turnMilliseconds = 10;

/** Runs the work without yielding, for worker threads. */
export function atOnce<Result>(steps: WorkSteps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Runs the work and yields to the event loop, for threads that answer calls. */
export async function inTurns<Result>(steps: WorkSteps<Result>): Promise<Result> {
  let start = performance.now();
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (performance.now() - start < turnMilliseconds) continue;
    await setImmediate();
    start = performance.now();
  }
}
