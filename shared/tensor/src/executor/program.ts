/**
 * A program is a module that the executor's worker imports: its default export is an object of methods, and only
 * there may TensorFlow be called. Arguments and results cross threads as structured clones.
 */

/** What a method may use beside its arguments. */
export interface MethodContext {
  /** Aborted when the caller gives up; long loops look at it every turn. */
  readonly signal: AbortSignal;
  /** Sends a value to the caller's `onProgress`. */
  progress(value: unknown): void;
  /** Lets waiting calls run; long methods await it between steps, so that tiles are served while a training runs. */
  pause(): Promise<void>;
  /** Runs urgent calls that have come, and nothing else: a batch awaits it between blocks. */
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
