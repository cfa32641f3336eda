import { Worker, type MessagePort, type ResourceLimits } from 'node:worker_threads';
import { restoreError } from '@hyperswap/errors';
import type { OperationAnswer, OperationCall, Operations, Transferred } from './serve-operations.js';

type ResultOf<Operation> = Operation extends (argument: never) => infer Answer
  ? Awaited<Answer> extends Transferred<infer Result>
    ? Result
    : Awaited<Answer>
  : never;
type ArgumentOf<Operation> = Operation extends (argument: infer Argument) => unknown ? Argument : never;

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

/** Thread that runs operations, one after the other. */
export class WorkerThread<Offered extends Operations> {
  private readonly worker: Worker;
  private readonly waiting: Waiting[] = [];
  private ended: Error | undefined;

  /**
   * @param program module that calls `serveOperations`
   * @param resourceLimits of its heap; a thread that exceeds them ends
   */
  constructor(program: URL, data?: unknown, resourceLimits: ResourceLimits = {}) {
    this.worker = new Worker(program, { workerData: data, resourceLimits });
    this.worker.on('message', (answer: OperationAnswer) => {
      const waiting = this.waiting.shift();
      if ('error' in answer) waiting?.reject(restoreError(answer.error));
      else waiting?.resolve(answer.result as never);
      if (this.waiting.length === 0) this.worker.unref();
    });
    this.worker.on('error', (error) => this.end(error));
    this.worker.on('exit', () => this.end(new Error('a thread of the preparation ended')));
    this.worker.unref();
  }

  /**
   * Runs an operation after the earlier ones.
   *
   * @param given buffers and ports that are transferred to the thread instead of copied
   * @throws errors of the operation; an error when the thread ends
   */
  call<Name extends keyof Offered & string>(
    operation: Name,
    argument: ArgumentOf<Offered[Name]>,
    given: readonly (ArrayBuffer | MessagePort)[] = [],
  ): Promise<ResultOf<Offered[Name]>> {
    return new Promise((resolve, reject) => {
      if (this.ended !== undefined) {
        reject(this.ended);
        return;
      }
      this.worker.ref();
      this.waiting.push({ resolve, reject });
      this.worker.postMessage({ operation, argument } satisfies OperationCall, [...given]);
    });
  }

  /** Terminates the thread at once, even during an operation. */
  async stop(): Promise<void> {
    await this.worker.terminate();
  }

  private end(error: Error): void {
    this.ended ??= error;
    for (const { reject } of this.waiting.splice(0)) reject(this.ended);
  }
}
