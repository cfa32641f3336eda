/**
 * Work in steps: a generator that yields at the points at which its thread may do other work. The same loop can run to
 * its end in one go or let urgent calls run between steps. No scope may be open between steps, because tensors created
 * by other work would belong to it.
 */
import { throwIfAborted } from '@hyperswap/errors';
import type { MethodContext } from './program.js';

export type Steps<Result> = Generator<void, Result, void>;

/** Runs all steps without a pause. */
export function finish<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/**
 * Runs all steps and lets urgent calls of the executor run in between.
 *
 * @param what for the error's text
 * @throws CANCELLED at the next step after a cancellation; the generator's `finally` blocks free its tensors
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
    // `return` has no effect on finished steps.
    steps.return(undefined as never);
  }
}
