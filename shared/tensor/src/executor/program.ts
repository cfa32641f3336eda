/**
 * A program is a module that the executor's worker imports: its default export is an object of methods, and only
 * there may TensorFlow be called. Arguments and results cross threads as structured clones.
 */

/** Context of a method call, passed in addition to its arguments. */
export interface MethodContext {
  /** Aborted when the caller cancels; long loops check it in every iteration. */
  readonly signal: AbortSignal;
  /** Sends a value to the caller's `onProgress`. */
  progress(value: unknown): void;
  /** Lets waiting calls run. Long methods await it between steps, so that tiles are served during a training. */
  pause(): Promise<void>;
  /** Runs waiting urgent calls and nothing else. A batch awaits it between blocks. */
  letUrgentPass(): Promise<void>;
}

export type Method = (args: never, context: MethodContext) => unknown;

export type Program = Readonly<Record<string, Method>>;

/** A result whose buffers move to the caller instead of being copied. */
export class Moved<Value> {
  constructor(
    readonly value: Value,
    readonly buffers: readonly ArrayBufferLike[],
  ) {}
}

export type Arguments<M extends Method> = Parameters<M>[0];

export type Result<M extends Method> =
  Awaited<ReturnType<M>> extends Moved<infer Value> ? Value : Awaited<ReturnType<M>>;
