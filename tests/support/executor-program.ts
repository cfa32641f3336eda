import { failure, throwIfAborted } from '@hyperswap/errors';
import {
  finishLettingUrgentPass,
  Moved,
  tensorflow,
  type MethodContext,
  type Steps,
  type Tensor,
} from '@hyperswap/tensor';

/** Program for the executor's tests. */
const program = {
  double({ values }: { values: Float32Array }): Moved<Float32Array> {
    const tf = tensorflow();
    const result = tf.tidy(() => tf.mul(tf.tensor1d(values), 2) as Tensor).dataSync() as Float32Array;
    tf.disposeVariables();
    return new Moved(result, [result.buffer]);
  },

  async countTo({ end }: { end: number }, context: MethodContext): Promise<number> {
    for (let i = 1; i <= end; i++) {
      throwIfAborted(context.signal, 'Counting');
      context.progress(i);
      await context.pause();
    }
    return end;
  },

  /** Reports that it runs, and blocks the thread. */
  block({ milliseconds }: { milliseconds: number }, context: MethodContext): void {
    context.progress('running');
    const end = performance.now() + milliseconds;
    while (performance.now() < end);
  },

  /** Blocks the thread in steps between which urgent calls run; reports its start and the release of its resources. */
  async blockInSteps({ steps, milliseconds }: { steps: number; milliseconds: number }, context: MethodContext) {
    function* work(): Steps<number> {
      try {
        for (let step = 0; step < steps; step++) {
          program.block({ milliseconds }, context);
          yield;
        }
        return steps;
      } finally {
        context.progress('freed');
      }
    }
    return finishLettingUrgentPass(work(), context, 'Blocking');
  },

  refuse({ scene }: { scene: string }): never {
    throw failure('SCENE_NOT_FOUND', { scene });
  },

  break(): never {
    throw new Error('something unforeseen');
  },

  exit(): never {
    process.exit(7);
  },
};

export type TestProgram = typeof program;
export default program;
