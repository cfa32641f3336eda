import { setImmediate } from 'node:timers/promises';

/** Work in steps, each of some milliseconds. */
export type WorkSteps<Result> = Generator<void, Result>;

/** Milliseconds of work after which others of the event loop get their turn. */
const turnMilliseconds = 10;

/** Does the work without a break: for threads where nobody waits. */
export function atOnce<Result>(steps: WorkSteps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Does the work in turns of the event loop: for threads that answer calls. */
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
