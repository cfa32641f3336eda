import { SHARE_ENV, Worker, type Transferable } from 'node:worker_threads';
import { failure, restoreError, type HyperswapError } from '@hyperswap/errors';
import { activeTrace, isRecorded, recordSpan, traceOf, traceparent as activeTraceparent } from '@hyperswap/telemetry';
import { readyEngine } from '../engine/ready-engine.js';
import type { EngineDescription, Reply, Request } from './messages.js';
import type { Arguments, Program, Result } from './program.js';

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Buffers of the arguments that move to the worker instead of being copied. The caller can no longer use them. */
  readonly transfer?: readonly ArrayBufferLike[];
  readonly onProgress?: (value: unknown) => void;
  /**
   * Places the call before all waiting calls that are not urgent, and between two steps of a running call that lets
   * urgent calls pass.
   */
  readonly urgent?: boolean;
}

/** Methods of a program, callable from another thread. */
export interface ProgramClient<P extends Program> {
  call<Name extends keyof P & string>(
    method: Name,
    args: Arguments<P[Name]>,
    options?: CallOptions,
  ): Promise<Result<P[Name]>>;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: HyperswapError) => void;
  readonly onProgress: ((value: unknown) => void) | undefined;
  readonly release: () => void;
}

/**
 * The one thread of this process that runs TensorFlow. Its states are started (the worker exists), loaded (programs are
 * imported) and, after `stop` or a crash, stopped. In the stopped state every call fails with ENGINE_STOPPED.
 */
export class Executor {
  // TensorFlow reads its settings from the process's real environment; a worker's own copy would not reach it.
  private readonly worker = new Worker(new URL('./worker.js', import.meta.url), { env: SHARE_ENV });
  private readonly pending = new Map<number, Pending>();
  /** Resolves with the reason if the worker ends by itself, as in a crash. It stays pending after `stop`. */
  readonly crashed: Promise<string>;
  private nextId = 1;
  private stopped: string | undefined;

  constructor() {
    this.crashed = new Promise((resolve) => {
      const crash = (reason: string): void => {
        if (this.stopped === undefined) resolve(reason);
        this.end(reason);
      };
      this.worker.on('error', (error) => crash(error instanceof Error ? error.message : String(error)));
      this.worker.on('exit', (code) => crash(`its worker ended with code ${code}`));
    });
    this.worker.on('message', (reply: Reply) => {
      this.receive(reply);
    });
    // Only open calls keep the process alive.
    this.worker.unref();
  }

  /**
   * Makes the worker import a program. The first use on a machine sets up the engine, which takes a minute or more.
   *
   * @param program URL of a module whose default export is `P`
   * @throws ENGINE_MISSING when TensorFlow does not load; ENGINE_SETUP, DOWNLOAD_FAILED, HASH_MISMATCH when it cannot
   * be set up
   */
  async load<P extends Program>(program: URL): Promise<ProgramClient<P>> {
    await readyEngine();
    const name = program.href;
    await this.request((id) => ({ kind: 'load', id, program: name }));
    return {
      call: async (method, args, options) =>
        (await this.request((id) => {
          const traceparent = isRecorded(activeTrace()) ? activeTraceparent() : undefined;
          return { kind: 'call', id, program: name, method, args, urgent: options?.urgent === true, traceparent };
        }, options)) as never,
    };
  }

  /** Describes running work and live tensors. It waits for the step that runs now, not for waiting calls. */
  async describe(): Promise<EngineDescription> {
    return (await this.request((id) => ({ kind: 'describe', id }))) as EngineDescription;
  }

  /** Ends the worker; calls still open fail with ENGINE_STOPPED. */
  async stop(): Promise<void> {
    this.end('it was stopped');
    await this.worker.terminate();
  }

  private request(build: (id: number) => Request, options: CallOptions = {}): Promise<unknown> {
    const { signal, transfer = [], onProgress } = options;
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      if (this.stopped !== undefined) {
        reject(failure('ENGINE_STOPPED', { reason: this.stopped }));
        return;
      }
      const cancel = (): void => {
        this.worker.postMessage({ kind: 'cancel', id } satisfies Request);
      };
      signal?.addEventListener('abort', cancel, { once: true });
      this.pending.set(id, {
        resolve,
        reject,
        onProgress,
        release: () => {
          signal?.removeEventListener('abort', cancel);
        },
      });
      this.worker.ref();
      this.worker.postMessage(build(id), transfer as Transferable[]);
      if (signal?.aborted === true) cancel();
    });
  }

  private receive(reply: Reply): void {
    if (reply.kind === 'span') {
      const { name, traceparent, startedAt, endedAt } = reply;
      recordSpan(`engine ${name}`, traceOf(traceparent), startedAt, endedAt);
      return;
    }
    const call = this.pending.get(reply.id);
    if (call === undefined) return;
    if (reply.kind === 'progress') {
      call.onProgress?.(reply.value);
      return;
    }
    this.settle(reply.id, call);
    if (reply.kind === 'result') call.resolve(reply.value);
    else call.reject(restoreError(reply.error));
  }

  private end(reason: string): void {
    this.stopped ??= reason;
    for (const [id, call] of this.pending) {
      this.settle(id, call);
      call.reject(failure('ENGINE_STOPPED', { reason: this.stopped }));
    }
  }

  private settle(id: number, call: Pending): void {
    this.pending.delete(id);
    call.release();
    if (this.pending.size === 0) this.worker.unref();
  }
}
