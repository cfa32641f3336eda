import { serializeError, toHyperswapError, type SerializedError } from '@hyperswap/errors';
import { parentPort } from 'node:worker_threads';

/** Operations of a thread by name, each with one argument and one result that can be cloned. */
export type Operations = Readonly<Record<string, (argument: never) => unknown>>;

export interface OperationCall {
  readonly operation: string;
  readonly argument: unknown;
}

/** Answer to a call, in the order of the calls. */
export type OperationAnswer = { readonly result: unknown } | { readonly error: SerializedError };

/** Result of an operation whose buffers are transferred instead of copied. */
export class Transferred<Result> {
  constructor(
    readonly result: Result,
    readonly buffers: readonly ArrayBuffer[],
  ) {}
}

/** Answers the calls of this thread, one after the other. */
export function serveOperations(operations: Operations): void {
  const port = parentPort!;
  let last: Promise<void> = Promise.resolve();
  port.on('message', ({ operation, argument }: OperationCall) => {
    last = last.then(async () => {
      try {
        const answer = await operations[operation]!(argument as never);
        const { result, buffers } =
          answer instanceof Transferred ? (answer as Transferred<unknown>) : new Transferred(answer, []);
        port.postMessage({ result } satisfies OperationAnswer, [...buffers]);
      } catch (error) {
        port.postMessage({ error: serializeError(toHyperswapError(error)) } satisfies OperationAnswer);
      }
    });
  });
}
