/**
 * Work in steps: a generator that yields where its thread may do something else in between. One loop serves who waits for it and who lets urgent
 * calls pass. Between steps no scope may be open, since what runs there would belong to it.
 */
import { throwIfAborted } from '@hyperswap/errors';
import type { MethodContext } from './program.js';

export type Steps<Result> = Generator<void, Result, void>;

/** All steps at once. */
export function finish<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/**
 * All steps, urgent calls of the executor in between.
 *
 * @param what for the error's text
 * @throws CANCELLED at the next step after the caller gave up; the generator's `finally` blocks free what it holds
 */
export async function finishLettingUrgentPass<Result>(
  steps: Steps<Result>,
  { signal, letUrgentPass }: Pick<MethodContext, 'signal' | 'letUrgentPass'>,
  what: string,
): Promise<Result> {
  try {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      await letUrgentPass();
      throwIfAborted(signal, what);
    }
  } finally {
    // Of no effect on steps that have ended.
    steps.return(undefined as never);
  }
}
