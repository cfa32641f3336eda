/** Fault of a pickle; callers name the file. */
export class PickleError extends Error {
  override readonly name = 'PickleError';
}

/** A class or function that a pickle names, for example `torch._utils._rebuild_tensor_v2`. */
export class PickledGlobal {
  constructor(readonly path: string) {}
}

/** An object whose class is known by name only: its constructor's arguments and its state. */
export class PickledObject {
  state: unknown;
  constructor(
    readonly path: string,
    readonly args: readonly unknown[],
  ) {}
}

/**
 * Creates the value that represents an object of a class, or a call of a function.
 *
 * @param count receives the number of values before they are copied
 */
export type PickleConstructor = (args: readonly unknown[], count: (values: number) => void) => unknown;

export interface PickleOptions {
  /** Constructors by the path of their class or function; calls of other paths are refused. */
  readonly constructors: ReadonlyMap<string, PickleConstructor>;
  /** Returns true if a class may be named without being created; other names are refused. */
  readonly isKnown: (path: string) => boolean;
  /** Resolves a persistent id, which `torch.save` uses for storages. */
  readonly persistent: (id: unknown) => unknown;
}
